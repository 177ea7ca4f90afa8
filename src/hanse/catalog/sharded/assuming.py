"""What the tables of a shard are taken to be that was never read, so that queries which do not need it can be answered.

They are those of another shard, or, where somebody has read the shard's own earlier (``engine.state``), what they were then.
Either is for the meaning of queries: nothing is ever sent by it (``absent``). What only another shard says of rows, that a
column is never NULL or a key unique, is not believed of this one: a query may not be answered without its rows because of that.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from hanse.errors import HanseError
from hanse.ir.tables import Table, TableColumn
from hanse.spi.capabilities import Capabilities
from hanse.spi.snapshot import Assumed, SourceCatalog

Known = tuple[SourceCatalog, float]
"""A catalog, and when it was read, in seconds since 1970."""
Recall = Callable[[str], Known | None]
"""What a source's tables were when somebody last read them, and when; None: nobody knows."""


def assumed(kind: str, like: SourceCatalog, kept: Known | None, failure: HanseError) -> SourceCatalog:
    """The catalog to plan with in the place of the one that ``failure``, which names the shard, is for."""
    shard = str(failure.source)
    own = {table.name: table for table in kept[0].tables} if kept else {}
    tables = tuple(
        _as_kept(table, shard, own[table.name]) if table.name in own else _as_guessed(table, shard)
        for table in like.tables
    )
    if kept is None:
        whose = f"its tables are taken to be those of {like.source}"
    else:
        whose = f"its tables are taken to be what they were at {dt.datetime.fromtimestamp(kept[1], dt.UTC):%Y-%m-%d %H:%M} UTC"
    return replace(
        like,
        source=shard,
        kind=kind,
        tables=tables,
        capabilities=like.capabilities if kind == like.kind else Capabilities(),
        server="",
        default_schema=kept[0].default_schema if kept else like.default_schema,
        assumed=Assumed(failure.message, failure.code, whose),
    )


def _as_guessed(table: Table, shard: str) -> Table:
    """Another shard's table, without what it says of rows."""
    columns = tuple(replace(column, nullable=True) for column in table.columns)
    return replace(table, source=shard, columns=columns, primary_key=(), unique_keys=(), foreign_keys=(), ranges=())


def _as_kept(table: Table, shard: str, own: Table) -> Table:
    """The table as it was; what is not kept, such as how many rows it has, is another shard's."""
    same = _types(own.columns) == _types(table.columns)
    return replace(
        table,
        source=shard,
        schema=own.schema,
        columns=own.columns,
        hidden=own.hidden,
        primary_key=own.primary_key,
        unique_keys=own.unique_keys,
        is_view=own.is_view,
        foreign_keys=(),
        ranges=(),
        statistics=table.statistics if same else None,
    )


def _types(columns: tuple[TableColumn, ...]) -> dict[str, object]:
    return {column.name: column.type for column in columns}
