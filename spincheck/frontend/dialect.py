"""The compilers' dialects, rewritten into the C that pycparser reads.

Owns the step from our tokens to pycparser's: a token that survives keeps its ordinal, so a place in the syntax tree
is a place in the text. Words without meaning go; what pycparser has no grammar for becomes a form that it has, and
that lowering knows again by an identifier no program can spell, because it starts with ``%``:

    __try { A } __except (e) { B }      if (%try) { A } else while (e) { B }
    __try { A } __finally { B }         if (%try) { A } else { B }
    __leave;                            goto %leave;
    goto *p;                            return %goto, *p;
    &&label                             one identifier, ``&&label``
    x ?: y                              x ? %same : y
    case 1 ... 5:                       a binary operator ``...``
    asm ("…" : "=r"(o) : "r"(i))        %0(&(o), (i)) with the text kept aside
    __asm { … }                         %0;
    int x __attribute__((cleanup(f)));  int x [[%cleanup 7 f]];
    __attribute__((cleanup(f))) int x;  _Alignas(%cleanup 3 f) int x;

Rewriting tokens rather than text, and rather than teaching a grammar, keeps every ordinal and needs nothing of the
parser's insides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pycparser.c_lexer import Token as ParserToken

from spincheck.frontend import assembler, attributes, forms, keywords
from spincheck.frontend.attributes import WORD
from spincheck.frontend.names import Names
from spincheck.frontend.rewriter import Aside, Meaning, Rewriter
from spincheck.frontend.tokens import Token


class Rewritten(NamedTuple):
    """A declaration as the parser gets it.

    ``typedefs`` are the names of types among the tokens in order of appearance, ``asides`` the texts set aside, ``guarded`` says
    whether anything in it is to be run on ways out.
    """

    tokens: list[ParserToken]
    typedefs: list[str]
    asides: list[Aside]
    guarded: bool


def rewrite(
    tokens: Sequence[Token], names: Names, extra_types: Sequence[str] = (), ignored: Sequence[str] = ()
) -> Rewritten:
    """Translate ``tokens``.

    ``extra_types`` are names to be taken for types although ``names`` does not say so, ``ignored`` are words that go as
    annotations do.
    """
    rewriter = Rewriter(tokens, names, extra_types, _COMMON, _classify)
    rewriter.kinds.update(dict.fromkeys(ignored, attributes.annotation))
    rewriter.run(0, len(tokens))
    return Rewritten(rewriter.out, list(rewriter.typedefs), rewriter.asides, rewriter.guarded)


def _classify(r: Rewriter, text: str) -> Meaning:
    """The parser's token type of a spelling that is no common keyword, or who handles it."""
    first = text[0]
    if first in "\"'" or text[-1] in "\"'":
        return "CHAR_CONST" if text.lstrip("Lu8U").startswith("'") else _string
    if "0" <= first <= "9" or (first == "." and len(text) > 1):
        return _number
    if " " in text or "\t" in text:
        return assembler.assembler
    known = r.names.get(text)
    if known is None or text not in keywords.WEAK_KEYWORDS:
        handler = _HANDLERS.get(text)
        if handler is not None and (known is None or handler is not forms.offset_of):
            return handler
    if text in r.extra_types or (known is not None and known.kind == "typedef"):
        r.typedefs[text] = None
        return "ID"
    if known is None:
        if text in keywords.FALLBACK_TYPES:
            r.typedefs[text] = None
        elif text in keywords.HEADER_WORDS or keywords.ANNOTATION.fullmatch(text):
            return attributes.annotation
    return "ID" if WORD.match(text) else "PPHASH"


# --- literals ---


def _number(r: Rewriter, at: int) -> int:
    text = r.text(at)
    lower = text.lower()
    hexadecimal = lower.startswith("0x")
    if hexadecimal:
        floating = "." in lower or "p" in lower
    else:
        floating = "." in lower or ("e" in lower and not lower.startswith("0b")) or lower.endswith("f")
    r.emit("FLOAT_CONST" if floating else "INT_CONST_DEC", text, at)
    return at + 1


def _string(r: Rewriter, at: int) -> int:
    """A string literal; an unknown word between two of them was a format macro."""
    text = r.text(at)
    r.emit("STRING_LITERAL", text, at)
    if text == '"' or not text.endswith('"'):
        r.out[-1].value = text + '"'
    word = r.text(at + 1)
    if word and r.text(at + 2).startswith('"') and WORD.match(word) and word not in keywords.FUNCTION_NAMES:
        return at + 2
    return at + 1


def _function_name(r: Rewriter, at: int) -> int:
    r.emit("STRING_LITERAL", f'"{r.text(at)}"', at)
    return at + 1


def _wide(r: Rewriter, at: int) -> int:
    """``L`` that a macro has left apart from its literal."""
    if not r.text(at + 1).startswith('"'):
        r.emit("ID", "L", at)
    return at + 1


_HANDLERS: dict[str, Meaning] = {
    **keywords.KEYWORDS,
    **dict.fromkeys(keywords.BUILTIN_TYPES, "__INT128"),
    **dict.fromkeys(keywords.IGNORED, attributes.ignore),
    **dict.fromkeys(keywords.IGNORED_WITH_ARGUMENTS, attributes.ignore_with_arguments),
    **dict.fromkeys(("__attribute__", "__attribute"), attributes.gnu_attribute),
    **dict.fromkeys(keywords.FUNCTION_NAMES, _function_name),
    **dict.fromkeys(("asm", "__asm__", "__asm", "_asm"), assembler.assembler),
    **dict.fromkeys(("__try", "_try", "try"), forms.begin_guarded),
    **dict.fromkeys(
        ("__except", "_except", "except", "__finally", "_finally", "finally"), forms.begin_handler
    ),
    **dict.fromkeys(("__leave", "_leave", "leave"), forms.leave),
    "__builtin_types_compatible_p": forms.type_query,
    "__uuidof": forms.type_query,
    **dict.fromkeys(("offsetof", "FIELD_OFFSET", "UFIELD_OFFSET"), forms.offset_of),
    "__label__": attributes.local_labels,
    "L": _wide,
    "__auto_type": forms.inferred_type,
}

_COMMON: dict[str, Meaning] = {
    **keywords.PUNCTUATION,
    **{word: kind for word, kind in keywords.KEYWORDS.items() if word not in keywords.WEAK_KEYWORDS},
    "&&": forms.label_address,
    "?": forms.conditional,
    "...": forms.ellipsis,
    "[": attributes.attribute_bracket,
    ":": forms.colon,
    ",": attributes.comma,
    "case": forms.case,
    "default": forms.case,
    "goto": forms.jump,
    "extern": attributes.linkage,
    "typedef": attributes.type_definition,
}
"""Spellings that mean the same in every unit."""
