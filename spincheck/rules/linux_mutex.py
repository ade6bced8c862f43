"""Rule LinuxMutex: Linux mutexes are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class LinuxMutexRule(Rule):
    """Linux kernel mutexes are acquired only while free and released only while held, by the call that undoes what the acquire did."""

    name = "LinuxMutex"
    title = "Linux mutexes are balanced"
    models = ("linux",)
    family = "linux"
    differs = (
        "For `--locks linux`. The kernel declares no role types, so that a lock held at the end of a function "
        "is LockContract's affair."
    )
    matches = (Match(BALANCE, kinds=("lmutex",), rank=PRIMARY),)
    valid = (
        """\
int update(struct port *port)
{
    mutex_lock(&port->mutex);
    if (!port->ready) {
        mutex_unlock(&port->mutex);
        return -1;
    }
    port->count++;
    mutex_unlock(&port->mutex);
    return 0;
}
""",
    )
    invalid = (
        Invalid(
            """\
int update(struct port *port)
{
    mutex_lock(&port->mutex);
    port->count++;
    mutex_lock(&port->mutex);
    mutex_unlock(&port->mutex);
    return 0;
}
""",
            (Expect(5, "LinuxMutex"),),
        ),
    )
