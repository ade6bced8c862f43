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
    )
