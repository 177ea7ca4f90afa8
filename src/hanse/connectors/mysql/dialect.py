"""The dialect of MySQL and MariaDB: the tables of spellings, casts, and the forms in which values group and sort."""

from collections.abc import Sequence
from typing import Any, ClassVar

from hanse.connectors.mysql import literals
from hanse.connectors.mysql.aggregates import AGGREGATES, WINDOWS
from hanse.connectors.mysql.catalog import quote
from hanse.connectors.mysql.functions import EQUAL, PLAIN, Texts, functions, is_bytewise, is_indexable
from hanse.connectors.mysql.options import SORT_BYTES
from hanse.ir.expr import Literal
from hanse.ir.tables import Collation, Table, TableColumn
from hanse.ir.types import INTEGER_DIGITS, INTEGERS, SIGNED, TEXTS, Decimal, Kind, Type
from hanse.spi.dialect import BYTEWISE, KEYS, Dialect, Operand, Rule, Rules
from hanse.spi.keys import KeyCosts
from hanse.spi.sampling import Sample, key_extent, key_sample

MARIADB_EXACT = "utf8mb4_nopad_bin"
MYSQL_EXACT = "utf8mb4_0900_bin"
PACKET_BYTES = 16 << 20
"""``max_allowed_packet`` where nobody has asked the server: MariaDB's default, the smaller one."""
EVERYTHING = "18446744073709551615"
"""What the manual advises as a LIMIT where there is only an OFFSET."""


class MysqlDialect(Dialect):
    """The dialect of MySQL 8.0.17 and later and MariaDB 10.3 and later."""

    name: ClassVar[str] = "mysql"
    identifier_length: ClassVar[int] = 64
    subqueries_in_on: ClassVar[bool] = True
    empty_from: ClassVar[str] = "FROM DUAL"
    aggregates: Rules = AGGREGATES
    windows: Rules = WINDOWS
    no_columns = frozenset({Kind.ARRAY, Kind.INTERVAL})
    ordered_windows = frozenset({"rank", "dense_rank", "lag", "lead"})  # MariaDB; MySQL takes it

    clusters: ClassVar[bool] = True
    key_kinds: ClassVar[frozenset[Kind]] = KEYS | {Kind.UUID}
    takes_key_rows: ClassVar[bool] = True

    rows_max: ClassVar[int] = 1000
    row_kinds: ClassVar[frozenset[Kind]] = KEYS | {Kind.FLOAT64}

    def __init__(self, is_mariadb: bool = True, packet_bytes: int = PACKET_BYTES) -> None:
        """The two differ in the name of the collation that compares bytes and pads nothing; a statement is one packet.

        Of 1 M rows, of which a scan takes 1 s: 50,000 keys of the primary key 0.2 to 0.4 s in lists of 20,000, 50,000 texts of
        a secondary index 0.9 to 1.9 s, and 3.2 s in one list; 10,000 keys that find ten rows each 0.6 s. Lists of 1,000 and
        5,000 were no better than those of 20,000, nor was JSON_TABLE. 5,000 keys of two columns, each with an index of its
        own, 12 s, for MariaDB weighs how to combine these; with an index on one of them, or on both together, 0.1 s.

        Of 1 M rows that it groups by an indexed column, in 0.9 to 1.0 s where a scan takes 0.45 s: 10,000 keys that find ten
        rows each 0.18 s, 30,000 0.43 s, 50,000 0.7 s. Rows that are grouped cost the same in either way.

        A tree of ranges may weigh 32,000 to MariaDB (``optimizer_max_sel_arg_weight``), each value one; heavier ones look up by
        fewer columns: 15,000 keys of two columns take 0.3 s, 16,700 took 0.7 s. A row that no index finds is compared with each
        constant row in 0.05 us or more.
        """
        self.key_costs = KeyCosts(
            near=4.5,
            far=14.0,
            row=3.0,
            grouped=2.5,
            apart=500.0,
            pair=0.05,
            keys=20_000,
            values=30_000,
            bytes=packet_bytes // 2,
            batches=True,
        )
        collation = MARIADB_EXACT if is_mariadb else MYSQL_EXACT
        self._texts = Texts(collation)
        self.functions = functions(collation)

    def quote(self, identifier: str) -> str:
        """In backticks."""
        return quote(identifier)

    def literal(self, literal: Literal) -> str | None:
        """The constant with its value and type."""
        return literals.literal(literal)

    def type_name(self, type: Type) -> str | None:
        """The type in a CAST."""
        return literals.type_name(type)

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:  # noqa: ARG002  # nothing here can fail
        """Only what cannot fail or round: the server turns 'abc' into 0 and cuts what is too long."""
        if arg.type == target or (arg.type.kind in TEXTS and target.kind is Kind.TEXT):
            return Rule("{0}")
        if _widens(arg.type, target):
            return Rule("{0}")
        name = self.type_name(target)
        if isinstance(target, Decimal) and name and _holds(arg.type, target):
            return Rule(f"CAST({{0}} AS {name})")
        if arg.type.kind in INTEGERS and target.kind is Kind.FLOAT64:
            return Rule("{0} + 0e0")
        if arg.type.kind is Kind.DATE and target.kind is Kind.TIMESTAMP:
            return Rule("CAST({0} AS DATETIME)")
        if arg.type.kind is Kind.TIMESTAMP and target.kind is Kind.DATE:
            return Rule("CAST({0} AS DATE)")
        return None

    def row_collation(self, type: Type) -> Collation | None:
        """Text has a collation of its own here, that of exact comparisons."""
        if type.kind is Kind.TEXT:
            return Collation(self._texts.collation, True, True, SORT_BYTES)
        return super().row_collation(type)

    def looks_up(self, column: TableColumn) -> bool:
        """Text is compared under its own collation, too, where that is one of constants' character set."""
        return column.type.kind not in TEXTS or column.collation.name.startswith("utf8mb4_")

    def cell(self, literal: Literal) -> str | None:
        """Text that is not too long to be sorted, under its collation: those of constants may differ, and then do not mix."""
        text = self.literal(literal)
        if literal.type.kind is not Kind.TEXT or literal.value is None or text is None:
            return text
        is_short = len(literal.value.encode()) <= SORT_BYTES
        return f"{text} COLLATE {self._texts.collation}" if is_short else None

    def table_of(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """One SELECT for each row: the versions do not agree on VALUES."""
        first = ", ".join(f"{cell} AS {name}" for cell, name in zip(rows[0], names, strict=True))
        return " UNION ALL SELECT ".join([f"SELECT {first}", *(", ".join(row) for row in rows[1:])])

    def key_list(self, arg: Operand, keys: Sequence[Any]) -> str:
        """The plain comparison where it finds all and can use an index, else the exact one."""
        return super().key_list(self._compared(arg), keys)

    def key_rows(self, args: Sequence[Operand], keys: Sequence[tuple[Any, ...]]) -> str:
        """As ``key_list`` for each column."""
        return super().key_rows([self._compared(arg) for arg in args], keys)

    def _compared(self, arg: Operand) -> Operand:
        """What finds every text that equals a constant."""
        if arg.type.kind in TEXTS and not is_indexable(arg):
            return Operand(self._texts.exact(arg), arg.type, arg.collation)
        return arg

    def key(self, type: Type, value: Any) -> str | None:
        """A decimal of any scale: a source that declares the type has its constants."""
        return f"{value:f}" if isinstance(type, Decimal) else super().key(type, value)

    def key_texts(self, type: Type, values: Sequence[Any]) -> list[str | None]:
        """Text as constants of it, without the objects between."""
        return list(map(literals.text, values)) if type.kind in TEXTS else super().key_texts(type, values)

    def key_part(self, arg: Operand, low: Any, high: Any) -> str | None:
        """By the bytes of the text, where its collation calls different texts equal."""
        if arg.type.kind not in TEXTS or is_bytewise(arg):
            return ""
        return f"{self._texts.key(arg)} BETWEEN {self.key(arg.type, low)} AND {self.key(arg.type, high)}"

    def group_key(self, arg: Operand) -> str | None:
        """Text as its bytes, unless it may be longer than the server's sorts look; all but floats as they are."""
        if arg.type.kind in TEXTS:
            return self._texts.key(arg) if _is_short(arg) else None
        if arg.type.kind is Kind.BYTES and not _is_short(arg):
            return None
        return arg.sql if arg.type.kind in EQUAL else None

    def order_key(self, arg: Operand) -> str | None:
        """As for groups: the bytes of UTF-8 sort by code point."""
        if arg.type.kind in TEXTS:
            return self._texts.key(arg) if _is_short(arg) else None
        if arg.type.kind is Kind.BYTES and not _is_short(arg):
            return None
        return arg.sql if arg.type.kind in PLAIN else None

    def mixes(self, collations: Sequence[Collation]) -> bool:
        """The server makes them one collation, or fails where it cannot (error 1267): those of two columns, and a constant
        with a column in a character set that may not have its characters."""
        names = {collation.name for collation in collations}
        own = names - {BYTEWISE.name}
        return len(own) < 2 and all(name.startswith("utf8mb4_") or len(names) == 1 for name in own)

    def sort_term(self, key: str, descending: bool, nulls_first: bool) -> str:
        """NULLs are the least here; the other order takes a term of its own (trap R15)."""
        term = f"{key} {'DESC' if descending else 'ASC'}"
        if nulls_first != descending:
            return term
        return f"{key} IS NULL {'DESC' if nulls_first else 'ASC'}, {term}"

    def limit(self, count: str | None, offset: str | None, with_ties: bool) -> str:  # noqa: ARG002  # see capabilities
        """LIMIT must come with OFFSET."""
        if count is None and offset is None:
            return ""
        text = f"LIMIT {count if count is not None else EVERYTHING}"
        return f"{text} OFFSET {offset}" if offset is not None else text

    def extent(self, table: Table) -> str | None:
        """The ends of its key, which an index knows."""
        return key_extent(table, self.quote)

    def sample(self, table: Table, extent: tuple[int, int], rows: int) -> Sample | None:
        """Neighbours in the key from all over its range: there is no TABLESAMPLE."""
        return key_sample(table, extent, rows, self.quote)


def _is_short(arg: Operand) -> bool:
    if arg.literal is not None:
        value = arg.literal.value
        return value is None or len(value) * 4 <= SORT_BYTES
    return arg.collation.bytes_max is not None


def _widens(source: Type, target: Type) -> bool:
    """Between integers, where every value of the one is one of the other: the server computes in 64 bits anyway."""
    return source.kind in SIGNED and target.kind in SIGNED and INTEGER_DIGITS[source.kind] < INTEGER_DIGITS[target.kind]


def _holds(source: Type, target: Decimal) -> bool:
    """Whether every value of the source fits, digit for digit."""
    if isinstance(source, Decimal):
        return source.scale <= target.scale and source.precision - source.scale <= target.precision - target.scale
    digits = INTEGER_DIGITS.get(source.kind)
    return digits is not None and digits <= target.precision - target.scale
