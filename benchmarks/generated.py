"""A driver of any size: C files with locks, branches, helpers in the same file and in other files, and one shared header.

The text depends on the file's number alone, so that counts made from it can be checked in. Real headers are included in `source`; `preprocessed`
has a header of its own instead, with as many declarations as asked for, for measurements that must not depend on what is installed.
"""

from __future__ import annotations

BODY = """
static KSPIN_LOCK lock_{n};
static LONG count_{n};

static NTSTATUS step_{n}(PKSPIN_LOCK lock, LONG value)
{{
    KIRQL irql;
    NTSTATUS status = 0;
    KeAcquireSpinLock(lock, &irql);
    if (value > 3) {{
        count_{n} += value;
        status = -1;
        goto out;
    }}
    for (value = 0; value < 4; value++)
        count_{n} ^= value;
out:
    KeReleaseSpinLock(lock, irql);
    return status;
}}

static LONG plain_{n}(LONG a, LONG b)
{{
    while (a > b) {{
        a -= b;
        if (a & 1)
            b += 2;
    }}
    return a * b;
}}

VOID take_{n}(PKSPIN_LOCK lock, PKIRQL irql)
{{
    KeAcquireSpinLock(lock, irql);
}}

VOID give_{n}(PKSPIN_LOCK lock, KIRQL irql)
{{
    KeReleaseSpinLock(lock, irql);
}}

NTSTATUS work_{n}(PKSPIN_LOCK lock, LONG value)
{{
    KIRQL irql;
    if (value < 0)
        return -1;
    take_{m}(lock, &irql);
    if (value & 2)
        count_{n} = plain_{n}(value, 7);
    give_{m}(lock, irql);
    return step_{n}(lock, value);
}}

NTSTATUS entry_{n}(LONG value)
{{
    NTSTATUS status = work_{n}(&lock_{n}, value);
    if (status < 0)
        return status;
    return work_{m}(&lock_{n}, value + 1);
}}
"""
FUNCTIONS = 6
"""Functions in each file."""
GROUP = 10
"""Files that call each other: file ``n`` calls the next one of its group of ten, the last one itself."""

DECLARATIONS = """
void take_{m}(PKSPIN_LOCK lock, PKIRQL irql);
void give_{m}(PKSPIN_LOCK lock, KIRQL irql);
NTSTATUS work_{m}(PKSPIN_LOCK lock, LONG value);
"""
OWN_TYPES = """typedef long LONG; typedef void VOID; typedef long NTSTATUS; typedef unsigned char KIRQL; typedef KIRQL *PKIRQL;
typedef unsigned long long KSPIN_LOCK; typedef KSPIN_LOCK *PKSPIN_LOCK;
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock); void KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL irql);
"""


def body(number: int, files: int) -> str:
    """Return the declarations and functions of file ``number`` of ``files``."""
    last = number % GROUP == GROUP - 1 or number == files - 1
    other = number if last else number + 1
    return (DECLARATIONS + BODY).format(n=number, m=other)


def source(number: int, files: int) -> str:
    """Return the C source of a file, with real headers."""
    return "#include <ntddk.h>\n" + body(number, files)


def header(declarations: int) -> str:
    """Return the text of the shared header, preprocessed."""
    return OWN_TYPES + "".join(
        f"typedef struct s{n} {{ int a; int b[{n + 1}]; }} t{n};\nint api{n}(t{n} *p, int q);\n"
        f"static inline int in{n}(t{n} *p) {{ return p->a + p->b[{n}]; }}\n"
        for n in range(declarations)
    )


def preprocessed(number: int, files: int, shared: str) -> str:
    """Return a file as a preprocessor leaves it, ``shared`` being the text of `header`."""
    text = body(number, files).replace(
        "KeAcquireSpinLock(lock, &irql)", "*(&irql) = KeAcquireSpinLockRaiseToDpc(lock)"
    )
    text = text.replace("KeAcquireSpinLock(lock, irql)", "*(irql) = KeAcquireSpinLockRaiseToDpc(lock)")
    return f'# 1 "f{number}.c"\n# 1 "/usr/include/shared.h" 1 3\n{shared}# 2 "f{number}.c" 2\n{text}'
