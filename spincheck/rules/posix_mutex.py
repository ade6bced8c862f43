"""Rule PosixMutex: POSIX mutexes are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class PosixMutexRule(Rule):
    """POSIX mutexes are acquired only while free, released only while held, and not held when a thread's start routine returns.

    A try that returns EBUSY holds nothing.
    """

    name = "PosixMutex"
    title = "POSIX mutexes are balanced"
    models = ("posix",)
    family = "posix"
    differs = "For `--locks posix`. An ordinary lock call is taken to succeed."
    matches = (Match(BALANCE, kinds=("pmutex",), rank=PRIMARY),)
    valid = (
        """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_mutex_lock(&account->mutex);
    account->balance++;
    pthread_mutex_unlock(&account->mutex);
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

    if (pthread_mutex_trylock(&account->mutex) == 0) {
        account->balance++;
        pthread_mutex_unlock(&account->mutex);
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
    int error = pthread_mutex_trylock(&account->mutex);

    if (error == 16) {
        return 0;
    }
    account->balance++;
    pthread_mutex_unlock(&account->mutex);
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

    pthread_mutex_lock(&account->mutex);
    if (account->balance < 0) {
        return 0;
    }
    pthread_mutex_unlock(&account->mutex);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(7, "PosixMutex"),),
        ),
        Invalid(
            """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_mutex_lock(&account->mutex);
    pthread_mutex_lock(&account->mutex);
    account->balance++;
    pthread_mutex_unlock(&account->mutex);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(6, "PosixMutex"),),
        ),
        Invalid(
            """\
static void *run(void *argument)
{
    struct account *account = account_of(argument);

    pthread_mutex_trylock(&account->mutex);
    account->balance++;
    pthread_mutex_unlock(&account->mutex);
    return 0;
}

int start(pthread_t *thread, void *argument)
{
    return pthread_create(thread, 0, run, argument);
}
""",
            (Expect(7, "PosixMutex"),),
        ),
    )
