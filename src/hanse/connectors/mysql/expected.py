"""How many rows the server's own plan has: from EXPLAIN FORMAT=JSON of MySQL and of MariaDB, which write it differently."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.spi.ceiling import Planned

SCANS = frozenset({"ALL", "index"})
BEYOND = frozenset(
    {"grouping_operation", "duplicates_removal", "having_condition", "union_result", "windowing", "materialized"}
)
"""Steps whose rows the server does not say."""


def explained(request: Request, parameters: tuple[Literal, ...], dialect: MysqlDialect) -> str:
    """The statement that asks for the plan of a request."""

    def spelled(text: str | None) -> str:
        return "NULL" if text is None else text if text.isdigit() else f"({text})"

    return f"EXPLAIN FORMAT=JSON {request.sql.spelled(lambda hole: spelled(dialect.literal(parameters[hole.index])))}"


def rows_of(plan: Mapping[str, Any]) -> float | None:
    """Rows of the last step, where they follow from those of the tables; None where the server only knows how many rows it
    would look at, since no index and no histogram says what a condition leaves."""
    if BEYOND & set(_names(plan)):
        return None
    tables = list(_tables(plan))
    if not tables or all(_is_blind(table) for table in tables):
        return None
    produced = tables[-1].get("rows_produced_per_join")
    if produced is not None:
        return float(produced)
    rows = 1.0
    for table in tables:
        if "rows" not in table:
            return None
        rows *= float(table["rows"]) * float(table.get("filtered", 100.0)) / 100
    return rows


def planned(plan: Mapping[str, Any]) -> Planned:
    """The rows of the step that looks at most, and the cost of all blocks; MariaDB before 11 says nothing of costs."""
    blocks = list(_blocks(plan))
    costs = [found for block in blocks if (found := _cost(block)) is not None]
    return Planned(max((_most(block) for block in blocks), default=None), sum(costs) if costs else None)


def _most(block: Mapping[str, Any]) -> float:
    """The rows that the joins of a block look at, at the table where these are most."""
    most, before = 0.0, 1.0
    for table in _tables(block, ("query_block",)):
        rows = float(table.get("rows_examined_per_scan", table.get("rows", 1.0)))
        most = max(most, before * rows)
        before *= max(1.0, rows * float(table.get("filtered", 100.0)) / 100)
    return most


def _cost(block: Mapping[str, Any]) -> float | None:
    """What a block says that it costs: MySQL in ``cost_info``, MariaDB beside its tables."""
    found = block.get("cost", (block.get("cost_info") or {}).get("query_cost"))
    if found is None and any("message" in part for part in (block, block.get("table") or {})):
        return 0.0  # nothing is read: the condition is impossible, or the answer is known
    return None if found is None else float(found)


def _blocks(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every SELECT of the statement."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "query_block" and isinstance(value, Mapping):
                yield value
            yield from _blocks(value)
    elif isinstance(node, list):
        for item in node:
            yield from _blocks(item)


def _is_blind(table: Mapping[str, Any]) -> bool:
    """Whether nothing but the table's size stands behind the number, though a condition is tested."""
    filtered = float(table.get("filtered", 100.0))
    return table.get("access_type") in SCANS and filtered == 100 and "attached_condition" in table


def _tables(node: Any, beyond: Collection[str] = ()) -> Iterator[Mapping[str, Any]]:
    """The tables in the order in which they are joined; not those within what is called so."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "table" and isinstance(value, Mapping):
                yield value
            elif name not in beyond:
                yield from _tables(value, beyond)
    elif isinstance(node, list):
        for item in node:
            yield from _tables(item, beyond)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield name
            yield from _names(value)
    elif isinstance(node, list):
        for item in node:
            yield from _names(item)
