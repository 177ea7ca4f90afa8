"""PostgreSQL's table of proven spellings. Our semantics are PostgreSQL's, so a rule is missing only where the answer
depends on the server: its locale (``lower``), its mathematical library (``exp``), its regular expressions' classes.

Each rule runs in tests/contract/postgres against the real server and the coordinator.
"""

import re
from collections.abc import Callable, Sequence

from hanse.ir.tables import Verdict
from hanse.ir.types import DATETIMES, FLOATS, NUMBERS, SIGNED, TEXTS, Array, Kind, Type
from hanse.spi.dialect import BYTEWISE, Operand, Rule, Rules

TEXT = TEXTS | {Kind.NULL}
INTEGER = SIGNED - {Kind.INT8}
EXACT_NUMBER = INTEGER | {Kind.DECIMAL}
NUMERIC = EXACT_NUMBER | FLOATS
MOMENT = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
DURATION = frozenset({Kind.INTERVAL})
UNTOLD = NUMBERS - NUMERIC | {Kind.JSON, Kind.ARRAY}
"""Kinds that this server does not have, or that it has no equality for."""
COMPARABLE = frozenset(Kind) - UNTOLD
WHOLE_FIELDS = frozenset(
    (
        *("century", "day", "decade", "dow", "doy", "hour", "isodow", "isoyear", "millennium", "minute", "month"),
        *("quarter", "week", "year"),
    )
)
FRACTIONAL_FIELDS = frozenset({"second", "milliseconds", "microseconds", "epoch"})
SAFE_PATTERN = re.compile(
    r"""\^?(?:
        (?: [^\\\[\](){}*+?.^$|\0-\x1f] | \\[.*+?(){}\[\]^$|/-] | \. | \((?!\?) | \) | \|
          | \[\^?(?:[A-Za-z0-9_ ,.;:@/#=%&!'"<>~-](?!:))+\]
        )
        (?: [*+?] | \{\d{1,2}(?:,\d{0,2})?\} )?
    )*\$?""",
    re.VERBOSE,
)
"""Regular expressions that mean the same here and there: no classes, no back references, no options, one anchor each."""


def holds_text(type: Type) -> bool:
    """Whether values of the type are compared under a collation."""
    return (type.item if isinstance(type, Array) else type).kind in TEXTS


def compares_equal(args: Sequence[Operand]) -> bool:
    """Whether plain ``=`` over these texts is bytewise and no two collations conflict."""
    columns = [arg.collation for arg in args if holds_text(arg.type) and arg.collation != BYTEWISE]
    return all(one.equal_is_bytewise for one in columns) and len({one.name for one in columns}) <= 1


def compares_codepoints(args: Sequence[Operand]) -> bool:
    """Whether plain ``<`` over these texts goes by code point."""
    columns = [arg.collation for arg in args if arg.type.kind in TEXTS and arg.collation != BYTEWISE]
    return bool(columns) and compares_equal(args) and all(one.order_is_codepoint for one in columns)


def in_c(arg: Operand) -> str:
    """The text under the collation of bytes."""
    return f'({arg.sql}) COLLATE "C"'


def is_text(args: Sequence[Operand]) -> bool:
    """Whether some argument is text."""
    return any(arg.type.kind in TEXTS for arg in args)


def _comparison(template: str, plainly: Callable[[Sequence[Operand]], bool]) -> Callable[[Sequence[Operand]], str]:
    def spell(args: Sequence[Operand]) -> str:
        left = args[0].sql if not is_text(args) or plainly(args) else in_c(args[0])
        return template.format(left, args[1].sql)

    return spell


def _in(args: Sequence[Operand]) -> str:
    left = args[0].sql if not is_text(args) or compares_equal(args) else in_c(args[0])
    return f"{left} IN ({', '.join(arg.sql for arg in args[1:])})"


def _bytewise(name: str) -> Callable[[Sequence[Operand]], str]:
    """A text function that compares: it refuses collations that are not deterministic."""

    def spell(args: Sequence[Operand]) -> str:
        first = args[0].sql if compares_equal(args) else in_c(args[0])
        return f"{name}({', '.join([first, *(arg.sql for arg in args[1:])])})"

    return spell


def _extreme(name: str) -> Callable[[Sequence[Operand]], str]:
    """GREATEST and LEAST: text by code point."""

    def spell(args: Sequence[Operand]) -> str:
        if not is_text(args) or compares_codepoints(args):
            return f"{name}({', '.join(arg.sql for arg in args)})"
        return f"{name}({', '.join(map(in_c, args))})"

    return spell


def _like(args: Sequence[Operand]) -> str:
    left = args[0].sql if compares_equal(args) else in_c(args[0])
    escape = f" ESCAPE {args[2].sql}" if len(args) > 2 else ""
    return f"({left}) LIKE ({args[1].sql}){escape}"


def _matches(args: Sequence[Operand]) -> str:
    return f"{in_c(args[0])} ~ ({args[1].sql})"


def value_of(arg: Operand) -> object:
    """The constant that an argument is, or None."""
    return None if arg.literal is None else arg.literal.value


def _field(fields: frozenset[str]) -> Callable[[Sequence[Operand]], bool]:
    return lambda args: str(value_of(args[0])).lower() in fields


def _extract(type_name: str) -> Callable[[Sequence[Operand]], str]:
    return lambda args: f"extract({str(value_of(args[0])).lower()} FROM {args[1].sql})::{type_name}"


def _safe_pattern(args: Sequence[Operand]) -> bool:
    pattern = value_of(args[1])
    return isinstance(pattern, str) and len(pattern) < 200 and SAFE_PATTERN.fullmatch(pattern) is not None


def _literal_at(place: int) -> Callable[[Sequence[Operand]], bool]:
    return lambda args: len(args) <= place or args[place].literal is not None


def _in_utc(args: Sequence[Operand]) -> bool:
    return value_of(args[0]) == "UTC"


def no(reason: str) -> tuple[Rule, ...]:
    """A function that stays here, and why."""
    return (Rule("", verdict=Verdict.NO, reason=reason),)


LOCALE = "letters change case by the server's locale"
LIBRARY = "the last digit depends on the server's mathematical library"
CLASSES = "the pattern is no constant that PostgreSQL and the coordinator read alike"

EQUALITY: Rules = {
    "=": (Rule(_comparison("{} = {}", compares_equal), (COMPARABLE,)),),
    "<>": (Rule(_comparison("{} <> {}", compares_equal), (COMPARABLE,)),),
    "is_distinct": (Rule(_comparison("{} IS DISTINCT FROM {}", compares_equal), (COMPARABLE,)),),
    "is_not_distinct": (Rule(_comparison("{} IS NOT DISTINCT FROM {}", compares_equal), (COMPARABLE,)),),
    "in": (Rule(_in, (COMPARABLE,)),),
    "nullif": (
        Rule(
            lambda args: _bytewise("nullif")(args) if is_text(args) else f"nullif({args[0].sql}, {args[1].sql})",
            (COMPARABLE,),
            when=lambda args: len(args) == 2,
        ),
        # The value, then both as what is compared (``bind.operators.nullif``).
        Rule("CASE WHEN {1} = {2} THEN NULL ELSE {0} END", (COMPARABLE,), when=lambda args: not is_text(args)),
    ),
}
LOGIC: Rules = {
    "is_null": (Rule("{0} IS NULL"),),
    "is_not_null": (Rule("{0} IS NOT NULL"),),
    "is_true": (Rule("{0} IS TRUE"),),
    "is_not_true": (Rule("{0} IS NOT TRUE"),),
    "is_false": (Rule("{0} IS FALSE"),),
    "is_not_false": (Rule("{0} IS NOT FALSE"),),
    "and": (Rule(lambda args: " AND ".join(f"({arg.sql})" for arg in args)),),
    "or": (Rule(lambda args: " OR ".join(f"({arg.sql})" for arg in args)),),
    "not": (Rule("NOT {0}"),),
    "coalesce": (Rule("coalesce({*})"),),
}
ORDER: Rules = {
    **{
        name: (Rule(_comparison(f"{{}} {name} {{}}", compares_codepoints), (COMPARABLE,)),)
        for name in ("<", "<=", ">", ">=")
    },
    "greatest": (Rule(_extreme("greatest"), (COMPARABLE,)),),
    "least": (Rule(_extreme("least"), (COMPARABLE,)),),
}
ARITHMETIC: Rules = {
    "+": (
        Rule("{0} + {1}", (NUMERIC,)),
        Rule("{0} + {1}", (frozenset({Kind.DATE}), frozenset({Kind.INT32}))),
        Rule("{0} + {1}", (MOMENT | DURATION | {Kind.TIME}, DURATION)),
    ),
    "-": (
        Rule("{0} - {1}", (NUMERIC,)),
        Rule("{0} - {1}", (frozenset({Kind.DATE}), frozenset({Kind.INT32, Kind.DATE}))),
        Rule("{0} - {1}", (MOMENT | DURATION | {Kind.TIME}, DURATION)),
        Rule("{0} - {1}", (frozenset({Kind.TIMESTAMP}),)),
    ),
    "*": (Rule("{0} * {1}", (NUMERIC,)),),
    "/": (Rule("{0} / {1}", (INTEGER | FLOATS,)),),
    "%": (Rule("{0} % {1}", (EXACT_NUMBER,)),),
    "neg": (Rule("- {0}", (NUMERIC,)),),
    "&": (Rule("{0} & {1}", (INTEGER,)),),
    "|": (Rule("{0} | {1}", (INTEGER,)),),
    "#": (Rule("{0} # {1}", (INTEGER,)),),
    "bit_not": (Rule("~ {0}", (INTEGER,)),),
    "abs": (Rule("abs({0})", (NUMERIC,)),),
    "sign": (Rule("sign({0})", (frozenset({Kind.DECIMAL, Kind.FLOAT64}),)),),
    "ceil": (Rule("ceil({0})", (frozenset({Kind.DECIMAL, Kind.FLOAT64}),)),),
    "floor": (Rule("floor({0})", (frozenset({Kind.DECIMAL, Kind.FLOAT64}),)),),
    "round": (Rule("round({*})", (frozenset({Kind.DECIMAL}), frozenset({Kind.INT32})), when=_literal_at(1)),),
    "trunc": (Rule("trunc({*})", (frozenset({Kind.DECIMAL}), frozenset({Kind.INT32})), when=_literal_at(1)),),
    "sqrt": (Rule("sqrt({0})", (frozenset({Kind.FLOAT64}),)),),
    **{name: no(LIBRARY) for name in ("exp", "ln", "log", "log10", "power", "^", "cbrt", "sin", "cos", "tan", "atan2")},
}
INT = frozenset({Kind.INT32})
STRINGS: Rules = {
    "||": (Rule("{0} || {1}", (TEXTS,)),),
    "concat": (Rule("concat({*})", (TEXT,)),),
    "concat_ws": (Rule("concat_ws({*})", (TEXT,)),),
    "like": (Rule(_like, (TEXT,), when=_literal_at(2)),),
    "ilike": no(LOCALE),
    "similar_to": no(CLASSES),
    "~": (Rule(_matches, (TEXTS,), when=_safe_pattern), *no(CLASSES)),
    "~*": no(LOCALE),
    **{name: no(LOCALE) for name in ("lower", "upper", "initcap")},
    "length": (Rule("length({0})", (TEXTS,)), Rule("length({0})", (frozenset({Kind.BYTES}),))),
    "substr": (Rule("substr({*})", (TEXTS, INT)),),
    "strpos": (Rule(_bytewise("strpos"), (TEXTS,)),),
    "replace": (Rule(_bytewise("replace"), (TEXTS,)),),
    "translate": (Rule("translate({*})", (TEXTS,)),),
    "split_part": (Rule(_bytewise("split_part"), (TEXTS, TEXTS, INT)),),
    "starts_with": (Rule(_bytewise("starts_with"), (TEXTS,)),),
    "btrim": (Rule("btrim({*})", (TEXTS,)),),
    "ltrim": (Rule("ltrim({*})", (TEXTS,)),),
    "rtrim": (Rule("rtrim({*})", (TEXTS,)),),
    "left": (Rule('"left"({*})', (TEXTS, INT)),),
    "right": (Rule('"right"({*})', (TEXTS, INT)),),
    "lpad": (Rule("lpad({*})", (TEXTS, INT, TEXTS)),),
    "rpad": (Rule("rpad({*})", (TEXTS, INT, TEXTS)),),
    "repeat": (Rule("repeat({*})", (TEXTS, INT)),),
    "reverse": (Rule("reverse({0})", (TEXTS,)),),
}
ENCODED: Rules = {
    "ascii": (Rule("ascii({0})", (TEXTS,)),),
    "chr": (Rule("chr({0})", (INT,)),),
    "md5": (Rule("md5({0})", (TEXTS,)),),
    "octet_length": (Rule("octet_length({0})", (TEXTS | {Kind.BYTES},)),),
}
"""What looks at bytes or code points of text: the same as here only in a UTF-8 database."""
FIELD = frozenset({Kind.TEXT})
TIMES: Rules = {
    "extract": (
        Rule(_extract("numeric(10,0)"), (FIELD, DATETIMES | DURATION | {Kind.TIME}), when=_field(WHOLE_FIELDS)),
        Rule(_extract("numeric(20,6)"), (FIELD, DATETIMES | DURATION | {Kind.TIME}), when=_field(FRACTIONAL_FIELDS)),
    ),
    "date_part": (
        Rule(
            lambda args: f"extract({str(value_of(args[0])).lower()} FROM {args[1].sql})::float8",
            (FIELD, DATETIMES | DURATION | {Kind.TIME}),
            when=_field(WHOLE_FIELDS | FRACTIONAL_FIELDS),
        ),
    ),
    "date_trunc": (Rule("date_trunc({0}, {1})", (FIELD, MOMENT), when=_literal_at(0)),),
    "timezone": (
        Rule("timezone({0}, {1})", (FIELD, MOMENT), when=_in_utc),
        *no("zones are known from another database there"),
    ),
    "make_date": (Rule("make_date({*})", (INT,)),),
}
ARRAYS: Rules = {
    "any_array_=": (Rule(_comparison("{} = ANY ({})", compares_equal), (COMPARABLE, frozenset({Kind.ARRAY}))),),
    "all_array_<>": (Rule(_comparison("{} <> ALL ({})", compares_equal), (COMPARABLE, frozenset({Kind.ARRAY}))),),
}
