"""Rule LinuxSpinLock: Linux spin locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class LinuxSpinLockRule(Rule):
    """Linux kernel spin locks are acquired only while free and released only while held, by the call that undoes what the acquire did."""

    name = "LinuxSpinLock"
    title = "Linux spin locks are balanced"
    models = ("linux",)
    family = "linux"
    differs = (
        "For `--locks linux`. The kernel declares no role types, so that a lock held at the end of a function "
        "is LockContract's affair."
    )
    matches = (Match(BALANCE, kinds=("lspin",), rank=PRIMARY),)
    valid = (
        """\
int update(struct port *port)
{
    unsigned long flags;

    spin_lock_irqsave(&port->lock, flags);
    if (!port->ready) {
        spin_unlock_irqrestore(&port->lock, flags);
        return -1;
    }
    port->count++;
    spin_unlock_irqrestore(&port->lock, flags);
    return 0;
}
""",
        """\
int update(struct port *port, struct port *peer)
{
    if (!_raw_spin_trylock(spinlock_check(&port->lock))) {
        return -16;
    }
    _raw_spin_lock_nested(spinlock_check(&peer->lock), 1);
    peer->count = port->count;
    _raw_spin_unlock(spinlock_check(&peer->lock));
    _raw_spin_unlock(spinlock_check(&port->lock));
    _raw_spin_lock_bh(spinlock_check(&port->lock));
    port->count++;
    _raw_spin_unlock_bh(spinlock_check(&port->lock));
    return 0;
}
""",
    )
    invalid = (
        Invalid(
            """\
int update(struct port *port)
{
    unsigned long flags;

    spin_lock_irqsave(&port->lock, flags);
    port->count++;
    spin_lock_irqsave(&port->lock, flags);
    spin_unlock_irqrestore(&port->lock, flags);
    return 0;
}
""",
            (Expect(7, "LinuxSpinLock"),),
        ),
        Invalid(
            """\
void update(struct port *port)
{
    if (!_raw_spin_trylock(spinlock_check(&port->lock))) {
        return;
    }
    port->count++;
    _raw_spin_unlock(spinlock_check(&port->lock));
    _raw_spin_unlock(spinlock_check(&port->lock));
}
""",
            (Expect(8, "LinuxSpinLock"),),
        ),
        Invalid(
            """\
void update(struct port *port)
{
    _raw_spin_lock_bh(spinlock_check(&port->lock));
    port->count++;
    _raw_spin_unlock_bh(spinlock_check(&port->lock));
    _raw_spin_unlock_bh(spinlock_check(&port->lock));
}
""",
            (Expect(6, "LinuxSpinLock"),),
        ),
        Invalid(
            """\
void update(struct port *port)
{
    _raw_spin_lock_bh(spinlock_check(&port->lock));
    port->count++;
    _raw_spin_unlock(spinlock_check(&port->lock));
}
""",
            (Expect(5, "LockVariant"),),
        ),
        Invalid(
            """\
void update(struct port *port, struct port *peer)
{
    unsigned long flags;

    spin_lock_irqsave(&port->lock, flags);
    spin_lock_irqsave(&peer->lock, flags);
    peer->count = port->count;
    spin_unlock_irqrestore(&peer->lock, flags);
    spin_unlock_irqrestore(&port->lock, flags);
}
""",
            (Expect(9, "LockIrql"),),
        ),
    )
