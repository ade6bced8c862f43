"""Rule PosixRWLock: POSIX reader/writer locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class PosixRWLockRule(Rule):
    """POSIX reader/writer locks are acquired only while free, released only while held, and not held when a thread's start routine returns.

    A try that returns EBUSY holds nothing.
    """

    name = "PosixRWLock"
    title = "POSIX reader/writer locks are balanced"
    models = ("posix",)
    family = "posix"
    differs = "For `--locks posix`. An ordinary lock call is taken to succeed."
    matches = (Match(BALANCE, kinds=("prwlock",), rank=PRIMARY),)
    valid = (
        """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_rwlock_wrlock(&account->rwlock);
    account->balance++;
    pthread_rwlock_unlock(&account->rwlock);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
        """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    if (pthread_rwlock_tryrdlock(&account->rwlock) == 0) {
        account->balance++;
        pthread_rwlock_unlock(&account->rwlock);
    }
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
    )
    invalid = (
        Invalid(
            """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_rwlock_wrlock(&account->rwlock);
    if (account->balance < 0) {
        return 0;
    }
    pthread_rwlock_unlock(&account->rwlock);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(7, "PosixRWLock"),),
        ),
    )
