"""SQLite's SQL, where it means exactly what PostgreSQL's does. Representations of values: see ``reading``.

Not here, because SQLite differs: arithmetic (overflow becomes REAL, x / 0 NULL), ``lower``/``upper`` (ASCII only), LIKE
(ignores case: spelled as GLOB), sums and averages of reals (other order of addition), ``length`` (stops at NUL).
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from hanse.connectors.sqlite.types import REAL_DIGITS
from hanse.ir.expr import Literal
from hanse.ir.tables import Table
from hanse.ir.types import INTEGERS, TEXTS, Decimal, Kind, Type
from hanse.spi.dialect import Dialect, Operand, Rule, Rules
from hanse.spi.keys import KeyCosts
from hanse.spi.sampling import Sample, key_extent, key_sample

BINARY = "{} COLLATE BINARY"
TIMES = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP})
VALUES = INTEGERS | TIMES | {Kind.BOOLEAN, Kind.FLOAT64, Kind.DECIMAL, Kind.TEXT, Kind.ENUM, Kind.BYTES}
WHOLE = frozenset(INTEGERS)


def is_exact(arg: Operand) -> bool:
    """Whether the value's form in SQLite is one that it compares exactly: wide decimals are text, or sums in two parts."""
    return not (isinstance(arg.type, Decimal) and arg.type.precision > REAL_DIGITS)


def comparable(args: Sequence[Operand]) -> bool:
    """Whether SQLite compares these exactly: one form for all."""
    return all(map(is_exact, args)) and len({_form(arg.type) for arg in args}) == 1


def _form(kind: Type) -> str:
    if kind.kind in INTEGERS:
        return "integer"
    return "text" if kind.kind in TEXTS else kind.kind.value


def compared(arg: Operand) -> str:
    """The operand such that SQLite compares it by bytes, whatever its column is declared with."""
    if arg.type.kind in TEXTS and not arg.collation.equal_is_bytewise and arg.literal is None:
        return BINARY.format(arg.sql)
    return arg.sql


def _comparison(operator: str) -> tuple[Rule, ...]:
    def spell(args: Sequence[Operand]) -> str:
        return f"({compared(args[0])} {operator} {compared(args[1])})"

    return (Rule(spell, (VALUES,), when=comparable),)


def _has_plain_pattern(args: Sequence[Operand]) -> bool:
    literal = args[1].literal if len(args) == 2 else None
    return literal is not None and isinstance(literal.value, str) and "\0" not in literal.value


def glob_pattern(like: str) -> str | None:
    """LIKE's pattern (escape: backslash) as GLOB's, which tells case apart; None if it ends in the escape."""
    made = []
    characters = iter(like)
    for char in characters:
        if char == "\\":
            following = next(characters, None)
            if following is None:
                return None
            char = following
        elif char in "%_":
            made.append("*" if char == "%" else "?")
            continue
        made.append(f"[{char}]" if char in "*?[" else char)
    return "".join(made)


def _is_globbable(args: Sequence[Operand]) -> bool:
    return _has_plain_pattern(args) and glob_pattern(str(_value(args[1]))) is not None


def _value(arg: Operand) -> object:
    return arg.literal.value if arg.literal is not None else None


def _like(args: Sequence[Operand]) -> str:
    return f"({args[0].sql} GLOB {text(glob_pattern(str(_value(args[1]))) or '')})"


def _starts_with(args: Sequence[Operand]) -> str:
    prefix = "".join(f"[{char}]" if char in "*?[" else char for char in str(_value(args[1])))
    return f"({args[0].sql} GLOB {text(prefix + '*')})"


def _is_plain_slice(args: Sequence[Operand]) -> bool:
    """A substr with a start of at least 1 and a length of at least 0, both known: elsewhere SQLite counts otherwise."""
    bounds = [_value(arg) for arg in args[1:]]
    return all(isinstance(bound, int) for bound in bounds) and bounds[0] >= 1 and all(b >= 0 for b in bounds[1:])  # type: ignore[operator]


def _replaces_something(args: Sequence[Operand]) -> bool:
    return bool(_value(args[1]))


def _field(args: Sequence[Operand]) -> str:
    code = {"year": "%Y", "month": "%m", "day": "%d"}[str(_value(args[0]))]
    return f"CAST(strftime('{code}', {args[1].sql}) AS REAL)"


def _has_known_field(args: Sequence[Operand]) -> bool:
    return _value(args[0]) in ("year", "month", "day")


def _exact_sum(args: Sequence[Operand]) -> str:
    """Two sums of half the bits each, which cannot overflow below two thousand million rows; see ``reading``."""
    arg = args[0]
    units = arg.sql
    if isinstance(arg.type, Decimal):
        units = f"CAST(round({arg.sql} * 1e{arg.type.scale}) AS INTEGER)"
    return f"CASE WHEN count({arg.sql}) > 0 THEN printf('%d:%d', sum({units} >> 32), sum({units} & 4294967295)) END{{over}}"


def _all_exact(args: Sequence[Operand]) -> bool:
    return all(map(is_exact, args))


def _extreme(name: str) -> tuple[Rule, ...]:
    def spell(args: Sequence[Operand]) -> str:
        return f"{name}({compared(args[0])})"

    return (Rule(spell, (VALUES - {Kind.BOOLEAN, Kind.BYTES},), when=comparable),)


BOOLS = frozenset({Kind.BOOLEAN})
STRINGS = frozenset(TEXTS)
EVERY = (VALUES,)

FUNCTIONS: Rules = {
    **{operator: _comparison(operator) for operator in ("=", "<>", "<", "<=", ">", ">=")},
    "is_distinct": _comparison("IS NOT"),
    "is_not_distinct": _comparison("IS"),
    "is_null": (Rule("({0} IS NULL)"),),
    "is_not_null": (Rule("({0} IS NOT NULL)"),),
    "is_true": (Rule("({0} IS TRUE)", (BOOLS,)),),
    "is_not_true": (Rule("({0} IS NOT TRUE)", (BOOLS,)),),
    "is_false": (Rule("({0} IS FALSE)", (BOOLS,)),),
    "is_not_false": (Rule("({0} IS NOT FALSE)", (BOOLS,)),),
    "and": (Rule(lambda args: "(" + " AND ".join(arg.sql for arg in args) + ")", (BOOLS,)),),
    "or": (Rule(lambda args: "(" + " OR ".join(arg.sql for arg in args) + ")", (BOOLS,)),),
    "not": (Rule("(NOT {0})", (BOOLS,)),),
    "like": (Rule(_like, (STRINGS,), when=_is_globbable),),
    "starts_with": (Rule(_starts_with, (STRINGS,), when=_has_plain_pattern),),
    "strpos": (Rule("instr({0}, {1})", (STRINGS,)),),
    "substr": (Rule("substr({*})", (STRINGS, WHOLE), when=_is_plain_slice),),
    "replace": (Rule("replace({*})", (STRINGS,), when=_replaces_something),),
    "btrim": (Rule("trim({*})", (STRINGS,)),),
    "ltrim": (Rule("ltrim({*})", (STRINGS,)),),
    "rtrim": (Rule("rtrim({*})", (STRINGS,)),),
    "||": (Rule("({0} || {1})", (STRINGS,)),),
    "coalesce": (Rule("coalesce({*})", EVERY, when=comparable),),
    "extract": (Rule(_field, (STRINGS, frozenset({Kind.DATE, Kind.TIMESTAMP})), when=_has_known_field),),
}
"""Arguments of ``and`` and ``or`` come in the caller's parentheses or are calls of this table, which have their own."""

AGGREGATES: Rules = {
    "count": (
        Rule("count(*)", ()),
        Rule(lambda args: f"count({compared(args[0])})", EVERY, when=_all_exact),
    ),
    "min": _extreme("min"),
    "max": _extreme("max"),
    "sum": (Rule(_exact_sum, (WHOLE | {Kind.DECIMAL},), when=_all_exact, distinct=False),),
    "bool_and": (Rule("min({0})", (BOOLS,)),),
    "bool_or": (Rule("max({0})", (BOOLS,)),),
}


def text(value: str) -> str:
    """The text as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def _spell(kind: Type, value: object) -> str | None:
    match value:
        case bool():
            return str(int(value))
        case int():
            return str(value) if -(2**63) <= value < 2**63 else None
        case float():
            return _real(value)
        case str():
            return text(value) if kind.kind in TEXTS and "\0" not in value else None
        case bytes():
            return f"x'{value.hex()}'"
        case _:
            return _spell_other(kind, value)


def _real(value: float) -> str | None:
    if value != value:  # SQLite has no NaN
        return None
    return repr(value) if abs(value) != float("inf") else ("9e999" if value > 0 else "-9e999")


def _spell_other(kind: Type, value: object) -> str | None:
    """Times as SQLite's functions write them, with what they never write, a fraction, behind: it still sorts rightly."""
    if isinstance(kind, Decimal):
        return repr(float(str(value))) if kind.precision <= REAL_DIGITS else None
    match value:
        case dt.datetime() if value.tzinfo is None:
            return text(value.isoformat(" ").rstrip("0").rstrip(".") if value.microsecond else value.isoformat(" "))
        case dt.date() if not isinstance(value, dt.datetime):
            return text(value.isoformat())
        case dt.time():
            return text(value.isoformat().rstrip("0").rstrip(".") if value.microsecond else value.isoformat())
        case _:
            return None


class SQLiteDialect(Dialect):
    """SQLite's spelling."""

    name: ClassVar[str] = "sqlite"
    identifier_length: ClassVar[int] = 1000
    no_columns = frozenset({Kind.ARRAY, Kind.INTERVAL})
    functions: Rules = FUNCTIONS
    aggregates: Rules = AGGREGATES
    clusters: ClassVar[bool] = True
    takes_key_rows: ClassVar[bool] = True
    key_table: ClassVar[str] = "VALUES {}"
    key_costs: KeyCosts = KeyCosts(near=3.0, far=8.0, keys=20_000, bytes=500_000, batches=True)
    """A statement has at most 1,000,000 bytes (SQLITE_MAX_LENGTH as it is built by default)."""

    def takes_keys(self, type: Type) -> bool:
        """Not decimals that are kept as text, in several spellings."""
        return type.kind in self.key_kinds & VALUES and is_exact(Operand("", type))

    def key(self, type: Type, value: Any) -> str | None:
        """Text with a NUL by its bytes: no text constant holds one."""
        if isinstance(value, str) and "\0" in value:
            return f"CAST(x'{value.encode().hex()}' AS TEXT)"
        return super().key(type, value)

    def literal(self, literal: Literal) -> str | None:
        """The constant in the form that SQLite keeps such values in."""
        return "NULL" if literal.value is None else _spell(literal.type, literal.value)

    def type_name(self, type: Type) -> str | None:  # noqa: ARG002  # no type has a name
        """No names: SQLite's CAST means something else (``cast`` gives the few that agree)."""
        return None

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:  # noqa: ARG002  # none of them fails
        """The conversions that cannot fail and whose results agree."""
        source = arg.type
        if source == target or (source.kind in TEXTS and target.kind is Kind.TEXT):
            return Rule("{0}")
        if source.kind in INTEGERS and target.kind is Kind.INT64 and source.kind is not Kind.UINT64:
            return Rule("{0}")
        if source.kind in INTEGERS and target.kind is Kind.TEXT:
            return Rule("CAST({0} AS TEXT)")
        if source.kind in INTEGERS and target.kind is Kind.FLOAT64:
            return Rule("CAST({0} AS REAL)")
        if source.kind is Kind.DATE and target.kind is Kind.TIMESTAMP:
            return Rule("({0} || ' 00:00:00')")
        return Rule("{0}") if _widens(source, target) else None

    def group_key(self, arg: Operand) -> str | None:
        """By bytes; None for what SQLite keeps in a form of several spellings."""
        return compared(arg) if arg.type.kind in VALUES and is_exact(arg) else None

    def order_key(self, arg: Operand) -> str | None:
        """By bytes, which is by code point: files in UTF-16 are not asked to sort."""
        return self.group_key(arg)

    def limit(self, count: str | None, offset: str | None, with_ties: bool) -> str:  # noqa: ARG002  # not a capability
        """OFFSET needs a LIMIT in SQLite: -1 is none."""
        if count is None and offset is None:
            return ""
        return f"LIMIT {count if count is not None else -1}" + (f" OFFSET {offset}" if offset else "")

    def extent(self, table: Table) -> str | None:
        """The ends of its key, which an index knows."""
        return key_extent(table, self.quote)

    def sample(self, table: Table, extent: tuple[int, int], rows: int) -> Sample | None:
        """Neighbours in the key from all over its range: there is no TABLESAMPLE."""
        return key_sample(table, extent, rows, self.quote)


def _widens(source: Type, target: Type) -> bool:
    """Decimals of one value have one REAL, whatever their scale."""
    if not (isinstance(source, Decimal) and isinstance(target, Decimal)) or target.precision > REAL_DIGITS:
        return False
    return target.scale >= source.scale and target.precision - target.scale >= source.precision - source.scale


DIALECT = SQLiteDialect()
