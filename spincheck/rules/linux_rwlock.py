"""Rule LinuxRWLock: Linux reader/writer locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class LinuxRWLockRule(Rule):
    """Linux kernel reader/writer locks are acquired only while free and released only while held, by the call that undoes what the acquire did."""

    name = "LinuxRWLock"
    title = "Linux reader/writer locks are balanced"
    models = ("linux",)
    family = "linux"
    differs = (
        "For `--locks linux`. The kernel declares no role types, so that a lock held at the end of a function "
        "is LockContract's affair."
    )
    matches = (Match(BALANCE, kinds=("lrwlock",), rank=PRIMARY),)
    valid = (
        """\
int update(struct port *port)
{
    write_lock(&port->table);
    if (!port->ready) {
        write_unlock(&port->table);
        return -1;
    }
    port->count++;
    write_unlock(&port->table);
    return 0;
}
""",
    )
    invalid = (
        Invalid(
            """\
int update(struct port *port)
{
    write_lock(&port->table);
    port->count++;
    write_lock(&port->table);
    write_unlock(&port->table);
    return 0;
}
""",
            (Expect(5, "LinuxRWLock"),),
        ),
    )
