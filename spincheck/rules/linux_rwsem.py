"""Rule LinuxRWSem: Linux reader/writer semaphores are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class LinuxRWSemRule(Rule):
    """Linux kernel reader/writer semaphores are acquired only while free and released only while held, by the call that undoes what the acquire did."""

    name = "LinuxRWSem"
    title = "Linux reader/writer semaphores are balanced"
    models = ("linux",)
    family = "linux"
    differs = (
        "For `--locks linux`. The kernel declares no role types, so that a lock held at the end of a function "
        "is LockContract's affair."
    )
    matches = (Match(BALANCE, kinds=("lrwsem",), rank=PRIMARY),)
    valid = (
        """\
int update(struct port *port)
{
    down_write(&port->sem);
    if (!port->ready) {
        up_write(&port->sem);
        return -1;
    }
    port->count++;
    up_write(&port->sem);
    return 0;
}
""",
    )
    invalid = (
        Invalid(
            """\
int update(struct port *port)
{
    down_write(&port->sem);
    port->count++;
    down_write(&port->sem);
    up_write(&port->sem);
    return 0;
}
""",
            (Expect(5, "LinuxRWSem"),),
        ),
    )
