"""Rule PosixSpinLock: POSIX spin locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class PosixSpinLockRule(Rule):
    """POSIX spin locks are acquired only while free, released only while held, and not held when a thread's start routine returns.

    A try that returns EBUSY holds nothing.
    """

    name = "PosixSpinLock"
    title = "POSIX spin locks are balanced"
    models = ("posix",)
    family = "posix"
    differs = "For `--locks posix`. An ordinary lock call is taken to succeed."
    matches = (Match(BALANCE, kinds=("pspin",), rank=PRIMARY),)
    valid = (
        """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_spin_lock(&account->spin);
    account->balance++;
    pthread_spin_unlock(&account->spin);
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

    if (pthread_spin_trylock(&account->spin) == 0) {
        account->balance++;
        pthread_spin_unlock(&account->spin);
    }
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
    int error = pthread_spin_trylock(&account->spin);

    if (error == 16) {
        return 0;
    }
    account->balance++;
    pthread_spin_unlock(&account->spin);
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

    pthread_spin_lock(&account->spin);
    if (account->balance < 0) {
        return 0;
    }
    pthread_spin_unlock(&account->spin);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(7, "PosixSpinLock"),),
        ),
        Invalid(
            """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_spin_lock(&account->spin);
    pthread_spin_lock(&account->spin);
    account->balance++;
    pthread_spin_unlock(&account->spin);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(6, "PosixSpinLock"),),
        ),
        Invalid(
            """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_spin_trylock(&account->spin);
    account->balance++;
    pthread_spin_unlock(&account->spin);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(7, "PosixSpinLock"),),
        ),
    )
