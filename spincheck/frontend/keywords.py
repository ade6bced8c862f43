"""What the spelling of a token means to the parser.

Owns the tables of words and punctuation: pycparser's token types, the compilers' spare spellings of them, words that
carry no meaning for control flow (calling conventions, annotations), and the integer types that compilers know
without a declaration. Everything here is data; `dialect` acts on it.
"""

from __future__ import annotations

import re

PUNCTUATION = {
    "...": "ELLIPSIS", "<<=": "LSHIFTEQUAL", ">>=": "RSHIFTEQUAL", "++": "PLUSPLUS", "--": "MINUSMINUS",
    "->": "ARROW", "&&": "LAND", "||": "LOR", "<<": "LSHIFT", ">>": "RSHIFT", "<=": "LE", ">=": "GE", "==": "EQ",
    "!=": "NE", "*=": "TIMESEQUAL", "/=": "DIVEQUAL", "%=": "MODEQUAL", "+=": "PLUSEQUAL", "-=": "MINUSEQUAL",
    "&=": "ANDEQUAL", "|=": "OREQUAL", "^=": "XOREQUAL", "=": "EQUALS", "+": "PLUS", "-": "MINUS", "*": "TIMES",
    "/": "DIVIDE", "%": "MOD", "|": "OR", "&": "AND", "~": "NOT", "^": "XOR", "!": "LNOT", "<": "LT", ">": "GT",
    "?": "CONDOP", "(": "LPAREN", ")": "RPAREN", "[": "LBRACKET", "]": "RBRACKET", "{": "LBRACE", "}": "RBRACE",
    ",": "COMMA", ".": "PERIOD", ";": "SEMI", ":": "COLON", "::": "COLONCOLON",
    "<:": "LBRACKET", ":>": "RBRACKET", "<%": "LBRACE", "%>": "RBRACE",
}  # fmt: skip
"""pycparser's token types of operators and punctuators, digraphs included."""

_STANDARD = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"
)

KEYWORDS = {
    **{word: word.upper() for word in _STANDARD.split()},
    "_Bool": "_BOOL", "_Complex": "_COMPLEX", "_Generic": "_GENERIC", "_Noreturn": "_NORETURN",
    "_Thread_local": "_THREAD_LOCAL", "_Static_assert": "_STATIC_ASSERT", "_Atomic": "_ATOMIC",
    "_Alignas": "_ALIGNAS", "_BitInt": "_BITINT", "static_assert": "_STATIC_ASSERT",
    "__thread": "_THREAD_LOCAL", "__complex__": "_COMPLEX", "__complex": "_COMPLEX",
    "__const": "CONST", "__const__": "CONST", "__volatile": "VOLATILE", "__volatile__": "VOLATILE",
    "__signed": "SIGNED", "__signed__": "SIGNED", "__inline": "INLINE", "__inline__": "INLINE", "_inline": "INLINE",
    "__forceinline": "INLINE", "_forceinline": "INLINE",
    "typeof": "TYPEOF", "__typeof": "TYPEOF", "__typeof__": "TYPEOF", "typeof_unqual": "TYPEOF",
    "__typeof_unqual__": "TYPEOF", "__typeof_unqual": "TYPEOF", "decltype": "TYPEOF",
    "__builtin_offsetof": "OFFSETOF", "__builtin_va_arg": "__BUILTIN_VA_ARG",
    # sizeof takes an expression or a type, which is what compilers let these do; lowering tells them by spelling.
    "_Alignof": "SIZEOF", "__alignof": "SIZEOF", "__alignof__": "SIZEOF", "_alignof": "SIZEOF", "alignof": "SIZEOF",
}  # fmt: skip
"""pycparser's token types of keywords in every spelling that a compiler of C has for them."""

WEAK_KEYWORDS = frozenset({"static_assert", "typeof", "typeof_unqual", "decltype", "alignof", "inline"})
"""Words that are keywords only where the unit does not give them another meaning."""

BUILTIN_TYPES = {
    "__int8": "i8", "_int8": "i8", "__int16": "i16", "_int16": "i16", "__int32": "i32", "_int32": "i32",
    "__int64": "i64", "_int64": "i64", "__int128": "", "__wchar_t": "u16",
    "__int128_t": "", "__uint128_t": "", "_Float16": "float", "_Float32": "float", "_Float64": "float",
    "_Float32x": "float", "_Float64x": "float", "_Float128": "float", "__float128": "float", "__float80": "float",
    "__bf16": "float", "__fp16": "float", "_Decimal32": "float", "_Decimal64": "float", "_Decimal128": "float",
    "__m64": "struct", "__m128": "struct", "__m128i": "struct", "__m128d": "struct", "__m256": "struct",
    "__m256i": "struct", "__m256d": "struct", "__m512": "struct", "__m512i": "struct", "__m512d": "struct",
}  # fmt: skip
"""Type specifiers that combine with ``unsigned`` or need no declaration, with their type codes."""

FALLBACK_TYPES = {
    "size_t": "u64", "ssize_t": "i64", "ptrdiff_t": "i64", "intptr_t": "i64", "uintptr_t": "u64", "wchar_t": "u16",
    "char16_t": "u16", "char32_t": "u32", "max_align_t": "struct", "bool": "bool", "va_list": "ptr",
    "__builtin_va_list": "ptr", "__gnuc_va_list": "ptr", "__builtin_ms_va_list": "ptr", "__builtin_sysv_va_list": "ptr",
    "__SIZE_TYPE__": "u64", "int8_t": "i8", "uint8_t": "u8", "int16_t": "i16", "uint16_t": "u16", "int32_t": "i32",
    "uint32_t": "u32", "int64_t": "i64", "uint64_t": "u64",
}  # fmt: skip
"""Types that are taken for granted where the unit says nothing about the name."""

IGNORED = frozenset(
    [
        "__extension__",
        "__stdcall",
        "_stdcall",
        "__stdcall__",
        "__cdecl",
        "_cdecl",
        "__cdecl__",
        "__fastcall",
        "_fastcall",
        "__fastcall__",
        "__thiscall",
        "__thiscall__",
        "__vectorcall",
        "__vectorcall__",
        "__clrcall",
        "__pascal",
        "_pascal",
        "__regcall",
        "__far",
        "__near",
        "__huge",
        "__ptr64",
        "__ptr32",
        "_ptr64",
        "_ptr32",
        "__sptr",
        "__uptr",
        "__unaligned",
        "_unaligned",
        "__w64",
        "_w64",
        "__restrict",
        "__restrict__",
        "_restrict",
        "__export",
        "_export",
        "__loadds",
        "_loadds",
        "__saveregs",
        "__syscall",
        "__real__",
        "__real",
        "__imag__",
        "__imag",
        "_Nonnull",
        "_Nullable",
        "_Null_unspecified",
        "__unused",
        "__nonnull",
        "__block",
        "__kernel",
        "__global",
        "__single",
        "__no_warn",
        "__maybe_unused",
        "__no_sanitize_address",
        "_Sat",
        "__seg_gs",
        "__seg_fs",
        "__noinline",
        "__flatten",
    ]
)
"""Words without a meaning for control flow or values; they stand alone."""

IGNORED_WITH_ARGUMENTS = frozenset(
    [
        "__attribute__",
        "__attribute",
        "__declspec",
        "_declspec",
        "__pragma",
        "_Pragma",
        "__based",
        "_based",
        "__declspec__",
        "_Analysis_assume_",
        "__analysis_assume",
        "__analysis_suppress",
        "_Analysis_suppress_lock_checking_",
        "_Analysis_assume_nullterminated_",
        "_Analysis_assume_lock_held_",
        "_Analysis_assume_lock_not_held_",
        "_Analysis_assume_same_lock_",
        "_Analysis_assume_lock_acquired_",
        "_Analysis_assume_lock_released_",
        "__analysis_assume_lock_acquired",
        "__analysis_assume_lock_released",
        "__nonnull__",
    ]
)
"""Words whose parenthesised arguments go with them."""

HEADER_WORDS = frozenset(
    [
        "IN",
        "OUT",
        "INOUT",
        "OPTIONAL",
        "NTAPI",
        "WINAPI",
        "APIENTRY",
        "CALLBACK",
        "STDCALL",
        "FASTCALL",
        "CDECL",
        "DDKAPI",
        "DDKFASTAPI",
        "FORCEINLINE",
        "FORCE_INLINE",
        "DECLSPEC_NOINLINE",
        "DECLSPEC_IMPORT",
        "__checkReturn",
        "NTSYSAPI",
        "NTKERNELAPI",
        "CODE_SEG",
        "NTHALAPI",
        "CFORCEINLINE",
        "INLINE",
        "STATIC_INLINE",
        "WDFAPI",
        "NONPAGED",
        "PAGED",
        "__drv_nonconstant",
        "constexpr",
    ]
)
"""Macro names of declarations that mean nothing here when a header that defines them was not found."""

ANNOTATION = re.compile(
    r"_(?:[A-Z]\w*_|[A-Z][a-z]\w+_x?)"
    r"|__(?:in|out|inout|deref|drv|kernel|user|ecount|bcount|field|struct|reserved|checkReturn|success|callback"
    r"|notnull|maybenull|null|nullterminated|possibly|format_string|range|typefix|readonly|valid|pre|post|byte_\w*+"
    r"|elem_\w*+|encoded|nullnullterminated|post_invalid|override|control|data|exceptthat|creator|rpc|on_failure|when|at|blocksOn|allowed|assume_bound|bound)(?:_\w*+)?"
)
"""Source annotations in both of Microsoft's styles, as they are left over when ``sal.h`` was not seen."""

FUNCTION_NAMES = frozenset(
    [
        "__FUNCTION__",
        "__func__",
        "__PRETTY_FUNCTION__",
        "__FUNCSIG__",
        "__FUNCDNAME__",
        "__FUNCTIONW__",
        "L__FUNCTION__",
        "__MODULE__",
    ]
)
"""Predefined strings; in Microsoft's compiler they join with the literals beside them."""

OPERAND_SIZES = frozenset(
    ["byte", "word", "dword", "fword", "qword", "near", "far", "short", "ptr", "cs", "ds", "es", "fs", "gs"]
)
"""Words of Microsoft's assembler that may stand between ``call`` and what is called."""

STATEMENT_LEADERS = frozenset({"SEMI", "LBRACE", "RBRACE", "COLON", "ELSE", "DO"})
"""Token types after which a statement may start, apart from a closing parenthesis."""

OPERAND_ENDS = frozenset(
    [
        "ID",
        "TYPEID",
        "RPAREN",
        "RBRACKET",
        "INT_CONST_DEC",
        "FLOAT_CONST",
        "CHAR_CONST",
        "STRING_LITERAL",
        "PLUSPLUS",
        "MINUSMINUS",
    ]
)
"""Token types that end an operand: ``&&`` after them is the operator, elsewhere a label's address."""
