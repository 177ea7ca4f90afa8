"""PostgreSQL's dialect: the tables of spellings, casts, and the forms in which values group and sort."""

from collections.abc import Sequence
from typing import Any, ClassVar

from hanse.connectors.postgres import functions, literals, sampling
from hanse.connectors.postgres.aggregates import AGGREGATES, WINDOWS
from hanse.connectors.postgres.functions import holds_text, in_c
from hanse.ir.expr import Literal
from hanse.ir.tables import Collation, Table
from hanse.ir.types import DATETIMES, FLOATS, SIGNED, TEXTS, Kind, Type
from hanse.spi.dialect import KEYS, Dialect, Operand, Rule, Rules, turned
from hanse.spi.keys import KeyCosts
from hanse.spi.sampling import Sample

INTEGERS = SIGNED - {Kind.INT8}
UNGROUPED = frozenset({Kind.JSON, Kind.INTERVAL})
"""JSON has no equality; equal intervals may be written differently, and which of them stands for a group is open."""
UNSORTED = frozenset({Kind.JSON, Kind.ARRAY})
TO_TEXT = INTEGERS | {Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.UUID, Kind.JSON}
"""Kinds whose text is the same on every server. That of a float or an interval is a matter of taste; that of ``numeric``
has as many digits as the source stored, not as many as our type says."""
CASTS: frozenset[tuple[Kind, Kind]] = frozenset(
    {
        *((a, b) for a in INTEGERS | {Kind.DECIMAL} for b in INTEGERS | {Kind.DECIMAL} | FLOATS),
        *((a, b) for a in FLOATS for b in INTEGERS | FLOATS),
        *((a, Kind.TEXT) for a in TO_TEXT),
        *((a, b) for a in DATETIMES for b in DATETIMES),
        *((a, Kind.TIME) for a in DATETIMES - {Kind.DATE}),
        (Kind.BOOLEAN, Kind.INT32),
        (Kind.INT32, Kind.BOOLEAN),
        (Kind.TIME, Kind.INTERVAL),
    }
)
"""What converts without asking a library or a locale. Text converts here: servers differ in what they accept."""


class PostgresDialect(Dialect):
    """The dialect of PostgreSQL 14 and later."""

    name: ClassVar[str] = "postgres"
    identifier_length: ClassVar[int] = 63
    materialized_ctes: ClassVar[bool] = False
    with_ties: ClassVar[bool] = True
    values_lists: ClassVar[bool] = True
    limit_expressions: ClassVar[bool] = True
    row_quantifiers: ClassVar[bool] = True
    aggregates: Rules = AGGREGATES
    windows: Rules = WINDOWS
    key_kinds: ClassVar[frozenset[Kind]] = KEYS | {Kind.UUID}
    takes_key_rows: ClassVar[bool] = True
    leads_key_rows: ClassVar[bool] = True
    key_costs: KeyCosts = KeyCosts(near=2.5, far=12.0, row=0.5, part=6.0, keys=500_000, bytes=64 << 20, batches=True)
    """Of 1 M rows, of which a scan takes 0.75 to 1.2 s: 200,000 keys in the table's order 0.46 s, 50,000 scattered texts 0.6
    to 0.9 s, 50,000 keys that find ten rows each 0.7 s.
    Keys of two columns, of 400,000 rows that a scan yields in 0.5 s: 10,000 0.16 s, 50,000 0.4 s, by an index and, from
    there on, by a hash join. VALUES took as long or longer; a list of 500 rows without an index is a nightmare (34 s).
    One array is better than several: without an index each statement would scan, with one the planner has a choice."""

    rows_max: ClassVar[int] = 1000
    row_kinds: ClassVar[frozenset[Kind]] = (KEYS | FLOATS | {Kind.BOOLEAN, Kind.TIME}) & literals.TYPE_NAMES.keys() | {
        Kind.DECIMAL
    }

    def __init__(self, is_unicode: bool = True) -> None:
        """``is_unicode``: the database's encoding is UTF-8, so that its bytes sort as code points do."""
        self._is_unicode = is_unicode
        self.functions = ALL if is_unicode else WITHOUT_CODEPOINTS
        if not is_unicode:
            self.aggregates = {**self.aggregates, "min": NUMERIC_ORDER["min"], "max": NUMERIC_ORDER["max"]}

    def literal(self, literal: Literal) -> str | None:
        """The constant with its value and type."""
        return literals.literal(literal)

    def type_name(self, type: Type) -> str | None:
        """The type in a CAST."""
        return literals.type_name(type)

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:
        """The conversion; a safe one stays here, for this server has none."""
        if arg.type == target or (arg.type.kind in TEXTS and target.kind is Kind.TEXT):
            return Rule("{0}")
        name = self.type_name(target)
        known = arg.type.kind is Kind.NULL or (arg.type.kind, target.kind) in CASTS
        return None if safe or name is None or not known else Rule(f"CAST({{0}} AS {name})")

    def row_collation(self, type: Type) -> Collation | None:
        """Text has the database's own collation, which tells apart what differs; in other encodings some has no place."""
        if type.kind is Kind.TEXT:
            return Collation("default", equal_is_bytewise=True) if self._is_unicode else None
        return super().row_collation(type)

    def key_list(self, arg: Operand, keys: Sequence[Any]) -> str:
        """As one constant, an array: the server looks it up in a hash table, and plans it without regard to its length.
        Lists and VALUES of 200,000 keys took twice as long, a semi-join with ``unnest`` three times."""
        if len(keys) == 1:
            return super().key_list(arg, keys)
        return f"{arg.sql} = ANY ({literals.key_array(arg.type, keys)})"

    def key_rows(self, args: Sequence[Operand], keys: Sequence[tuple[Any, ...]]) -> str:
        """As one array for each column, side by side."""
        held = [key for key in keys if not any(isinstance(part, str) and "\0" in part for part in key)]
        if not held:
            return "1 = 0"
        columns = zip(args, turned(held, len(args)), strict=True)
        arrays = ", ".join(literals.key_array(arg.type, parts) for arg, parts in columns)
        return f"({', '.join(arg.sql for arg in args)}) IN (SELECT * FROM unnest({arrays}))"

    def key_part(self, arg: Operand, low: Any, high: Any) -> str | None:
        """By code point where the column's collation calls different texts equal."""
        if arg.type.kind not in TEXTS or arg.collation.equal_is_bytewise:
            return ""
        first, last = self.key(arg.type, low), self.key(arg.type, high)
        return f"{in_c(arg)} BETWEEN {first} AND {last}" if self._is_unicode and first and last else None

    def group_key(self, arg: Operand) -> str | None:
        """Text under a collation that tells apart what differs; PostgreSQL's own equality for the rest."""
        if arg.type.kind in UNGROUPED:
            return None
        return arg.sql if arg.collation.equal_is_bytewise or not holds_text(arg.type) else in_c(arg)

    def collated(self, arg: Operand) -> str:
        """Text under the collation of bytes: one that is named prevails over those of columns."""
        return in_c(arg)

    def order_key(self, arg: Operand) -> str | None:
        """Text by code point; PostgreSQL's own order for the rest."""
        if arg.type.kind in UNSORTED:
            return None
        if arg.type.kind not in TEXTS or arg.collation.order_is_codepoint:
            return arg.sql
        return in_c(arg) if self._is_unicode else None

    def extent(self, table: Table) -> str | None:
        """The table's blocks."""
        return sampling.extent(table)

    def sample(self, table: Table, extent: tuple[int, int], rows: int) -> Sample | None:
        """Some of its blocks."""
        return sampling.sample(table, extent[0], rows)


def _without_text(rules: Rules) -> Rules:
    """The same rules, for arguments that are no text."""
    return {
        name: tuple(Rule(r.sql, tuple(k - TEXTS for k in r.kinds or ())) for r in found)
        for name, found in rules.items()
    }


WITHOUT_CODEPOINTS: Rules = {
    **functions.EQUALITY,
    **functions.LOGIC,
    **_without_text(functions.ORDER),
    **functions.ARITHMETIC,
    **functions.STRINGS,
    **functions.TIMES,
    **functions.ARRAYS,
}
ALL: Rules = {**WITHOUT_CODEPOINTS, **functions.ORDER, **functions.ENCODED}
NUMERIC_ORDER: Rules = _without_text({name: AGGREGATES[name] for name in ("min", "max")})
