"""The coordinator's dialect: the tables of rules put together, and the few methods of ``spi.dialect.Dialect``."""

from collections.abc import Sequence
from typing import ClassVar

from hanse.ir.expr import Literal
from hanse.ir.tables import Table
from hanse.ir.types import Kind, Type
from hanse.spi.dialect import Dialect, Operand, Rule, Rules
from hanse.spi.duckdb import casts, types
from hanse.spi.duckdb.aggregates import AGGREGATES, WINDOWS
from hanse.spi.duckdb.arrays import ARRAYS
from hanse.spi.duckdb.dates import DATES
from hanse.spi.duckdb.formats import FORMATS
from hanse.spi.duckdb.json import JSONS
from hanse.spi.duckdb.logic import LOGIC
from hanse.spi.duckdb.numbers import NUMBERS
from hanse.spi.duckdb.patterns import PATTERNS
from hanse.spi.duckdb.spelling import has_null, rules
from hanse.spi.duckdb.strings import STRINGS
from hanse.spi.duckdb.tables import ROW_LISTS, TABLES
from hanse.spi.sampling import Sample

ROWS_MAX = 2**62
"""DuckDB refuses a LIMIT beyond it."""
PARTS: tuple[Rules, ...] = (LOGIC, DATES, NUMBERS, ARRAYS, JSONS, STRINGS, PATTERNS, FORMATS, ROW_LISTS)


def _null(args: Sequence[Operand]) -> str:
    """A join with a constant NULL has no type in DuckDB."""
    return f"CAST(NULL AS {types.type_name(args[0].type)})"


def joined() -> Rules:
    """All scalar rules; where several parts know an operator, all their rules for it, in order."""
    found: dict[str, tuple[Rule, ...]] = {
        "gen_random_uuid": rules("CAST(uuid() AS VARCHAR)"),
        "row": rules("row({*})"),
        "||": ARRAYS["||"],
    }
    for part in PARTS:
        for name, some in part.items():
            found[name] = (*found.get(name, ()), *some) if name != "||" else found[name]
    found["||"] = (*ARRAYS["||"], Rule(_null, when=has_null), Rule("{0} || {1}"))
    return found


class DuckDBDialect(Dialect):
    """DuckDB 1.5 as the coordinator speaks it. Its error() carries SQLSTATEs: ``[22012] division by zero``."""

    name: ClassVar[str] = "duckdb"
    identifier_length: ClassVar[int] = 1_000_000
    is_coordinator: ClassVar[bool] = True
    semi_joins: ClassVar[bool] = True
    subqueries_in_on: ClassVar[bool] = False
    row_subqueries: ClassVar[bool] = False
    unquantified: ClassVar[frozenset[Kind]] = frozenset({Kind.INTERVAL})
    full_joins_in_subqueries: ClassVar[bool] = False
    """A CTE that is read in a correlated subquery counts as correlated, and FULL joins of such are not flattened (1.5.5)."""
    materialized_ctes: ClassVar[bool] = True
    values_lists: ClassVar[bool] = True
    limit_expressions: ClassVar[bool] = True
    row_quantifiers: ClassVar[bool] = True
    functions: Rules = joined()
    aggregates: Rules = AGGREGATES
    windows: Rules = WINDOWS
    table_functions: Rules = TABLES

    def literal(self, literal: Literal) -> str:
        """The constant with exactly its value and type."""
        return types.literal(literal)

    def type_name(self, type: Type) -> str:
        """The carrier of the type here."""
        return types.type_name(type)

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:
        """The conversion as PostgreSQL makes it; None where it has none."""
        return casts.cast(arg, target, safe)

    def group_key(self, arg: Operand) -> str | None:
        """As it is: DuckDB groups text bytewise, NaN with NaN, 0 with -0 and equal intervals, as PostgreSQL does."""
        return arg.sql

    def order_key(self, arg: Operand) -> str | None:
        """As it is: DuckDB sorts text by code point and NaN greatest; JSON sorts as text."""
        return arg.sql

    def row_count(self, sql: str, clause: str) -> str:
        """Tested for being negative, for which DuckDB has no SQLSTATE, and kept below the most that it takes."""
        code = "2201X" if clause == "OFFSET" else "2201W"
        test = f"CASE WHEN v < 0 THEN error('[{code}] {clause} must not be negative') ELSE least(v, {ROWS_MAX}) END"
        return f"(SELECT {test} FROM (SELECT {sql}) l(v))"

    def extent(self, table: Table) -> str | None:
        """The number of rows: DuckDB and footers know it, text files are read for it."""
        return f"SELECT count(*), 0::BIGINT FROM {table.relation}"

    def sample(self, table: Table, extent: tuple[int, int], rows: int) -> Sample | None:
        """Some of the vectors of 2048 rows that it is read in."""
        share = min(1.0, 2 * rows / max(1, extent[0]))
        chosen = "" if share == 1.0 else f" TABLESAMPLE SYSTEM ({100 * share:.6f} PERCENT)"
        return Sample(f"{table.relation} AS sample{chosen}", share, float(extent[0]))
