"""Rule LinuxSleepUnderSpinLock: nothing sleeps while a spin lock is held (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class LinuxSleepUnderSpinLockRule(Rule):
    """Calls that may sleep are not made while a spin lock or reader/writer lock is held."""

    name = "LinuxSleepUnderSpinLock"
    title = "nothing sleeps while a spin lock is held"
    models = ("linux",)
    family = "linux"
    differs = "For `--locks linux`; the list of calls is short."
    matches = (Match(("call-while-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
int update(struct port *port)
{
    spin_lock(&port->lock);
    port->count++;
    spin_unlock(&port->lock);
    msleep(10);
    return 0;
}
""",
    )
    invalid = (
        Invalid(
            """\
int update(struct port *port)
{
    spin_lock(&port->lock);
    msleep(10);
    spin_unlock(&port->lock);
    return 0;
}
""",
            (Expect(4, "LinuxSleepUnderSpinLock"),),
        ),
    )
