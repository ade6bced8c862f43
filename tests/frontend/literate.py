"""Literate tests of lowering: a Markdown page of sections, each with a block of C and the code that it must become.

A page is read by `sections`; `NAMES` is what the identifiers in all pages mean at file scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from spincheck.frontend.names import Name

NAMES: dict[str, Name] = {
    **{
        name: Name("typedef", code)
        for name, code in {
            "NTSTATUS": "i32", "ULONG": "u32", "UCHAR": "u8", "KIRQL": "u8", "BOOLEAN": "u8", "ULONG_PTR": "u64",
            "PDEVICE": "ptr", "PDRIVER": "ptr", "PENTRY": "ptr", "PCHAR": "ptr", "PUCHAR": "ptr", "PULONG": "ptr",
            "DEVICE": "struct", "va_list": "ptr",
        }.items()
    },
    **{name: Name("function", "i32") for name in ("g", "h", "k", "a", "b", "c", "Dispatch")},
    "scale": Name("function", "float"),
    "KeAcquireSpinLockRaiseToDpc": Name("function", "u8"),
    "KeReleaseSpinLock": Name("function", "void"),
    "Table": Name("variable", "array"),
    "Flags": Name("variable", "u32"),
    "STATUS_WAIT": Name("enumerator", "", 258),
    "RED": Name("enumerator", "", 7),
}  # fmt: skip

_SECTION = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!## ).*\n)*)", re.MULTILINE)
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: Path) -> Iterator[tuple[str, str, str]]:
    """Title, C text and expected listing of each section."""
    for section in _SECTION.finditer(page.read_text("utf-8")):
        blocks = {block["language"]: block["text"] for block in _BLOCK.finditer(section["body"])}
        yield section["title"], blocks["c"], blocks["ir"]
