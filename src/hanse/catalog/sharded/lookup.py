"""Where keys live, as a table of some source says: read whole, kept for as long as its options allow, and read again."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from hanse.catalog.sharded.options import LookupOptions, Places
from hanse.errors import ConfigError, HanseError, InvalidValue, ResourceLimit, SourceError
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.routing import family
from hanse.ir.sharding import Ask, Shards
from hanse.ir.tables import Table, TableColumn
from hanse.ir.types import Kind
from hanse.spi.connector import Connector
from hanse.spi.dialect import Dialect
from hanse.spi.permits import POLL_SECONDS


class LookupTable:
    """A ``Directory`` over one table. Thread-safe: who finds another reading it waits for that."""

    def __init__(self, options: LookupOptions, kind: Kind, places: Places, sources: Mapping[str, Connector]) -> None:
        """Nothing is read yet. ``kind`` is that of the keys (``routing.family``); ``sources`` are those that may have the
        table, by name."""
        self._options = options
        self._kind = kind
        self._places = places
        self._sources = sources
        self._lock = threading.Lock()
        self._known: Mapping[Any, Shards] = {}
        self._read_at: float | None = None
        self._request: Request | None = None

    @property
    def is_old(self) -> bool:
        """Whether it was read too long ago, or never."""
        return self._read_at is None or time.monotonic() - self._read_at >= self._options.max_age

    def freshen(self, ask: Ask) -> None:
        """Read the table if that was too long ago; raises what its source raises, SourceError for what it may not hold, and
        what ends the query that waits for another that reads it."""
        while not self._lock.acquire(timeout=POLL_SECONDS):
            ask.check()
        try:
            if self.is_old:
                now = time.monotonic()
                self._known = self._read(ask)
                self._read_at = now
        finally:
            self._lock.release()

    def shards_of(self, key: Any) -> Shards | None:
        """Where the key is, as was read last; None if it is not in the table. Raises InvalidValue if every key should be."""
        found = self._known.get(key)
        if found is None and self._options.unknown == "error":
            message = f"the key {key!r} is not in the lookup table {self._options.source}.{self._options.table}"
            raise InvalidValue(message, sqlstate="22023", hint="lookup: {unknown: all} asks every shard for such keys")
        return found

    def _connector(self) -> Connector:
        found = self._sources.get(self._options.source)
        if found is None:
            raise self._places.refuse(f"lookup: there is no source {self._options.source} that has tables of its own")
        return found

    def _read(self, ask: Ask) -> Mapping[Any, Shards]:
        """All keys of the table, each with its shards."""
        connector = self._connector()
        try:
            request = self._request = self._request or self._prepared(connector)
            rows = ask.rows(request)
        except HanseError:
            self._request = None  # the table may be another one since it was looked at
            raise
        (table,) = request.tables
        if len(rows) > self._options.rows_max:
            message = f"the lookup table {table} has more than {self._options.rows_max:,} rows"
            raise ResourceLimit(message, sqlstate="53400", source=connector.source, hint="raise lookup.rows_max")
        return self._placed(rows, table)

    def _prepared(self, connector: Connector) -> Request:
        """The request for the table's two columns, as its source declares them."""
        catalog = connector.load_catalog()
        table = self._table(catalog.tables)
        columns = tuple(self._column(table, name) for name in (self._options.key, self._options.shard))
        if family(columns[0].type) is not self._kind:
            raise self._places.refuse(
                f"lookup: {table}.{self._options.key} is {columns[0].type}, and the key {self._kind}"
            )
        shown = ", ".join(_read_as(column, catalog.dialect) for column in columns)
        sql = SqlText((f"SELECT {shown} FROM {table.relation} LIMIT {self._options.rows_max + 1}",))
        asked = tuple(Column(place, column.name, column.type) for place, column in enumerate(columns))
        return Request(0, connector.source, sql, asked, (table,))

    def _placed(self, rows: list[tuple[Any, ...]], table: Table) -> Mapping[Any, Shards]:
        found: dict[Any, Shards] = {}
        by_name: dict[Any, Shards] = {}
        for key, shard in rows:
            if key is None or shard is None:
                continue
            if shard not in by_name:
                by_name[shard] = frozenset((self._place(shard, table),))
            found[key] = found[key] | by_name[shard] if key in found else by_name[shard]
            if len(found[key]) > 1 and self._options.unknown == "error":
                raise SourceError(f"the lookup table {table} has key {key!r} on two shards", source=table.source)
        return found

    def _place(self, shard: Any, table: Table) -> int:
        try:
            return self._places.place(shard)
        except ConfigError as failure:
            raise SourceError(f"the lookup table {table}: {failure.message}", source=table.source) from None

    def _table(self, tables: tuple[Table, ...]) -> Table:
        schema, _, name = self._options.table.rpartition(".")
        found = [table for table in tables if table.name == name and (not schema or table.schema == schema)]
        if len(found) != 1:
            what = f"several tables {self._options.table}" if found else f"no table {self._options.table}"
            raise self._places.refuse(f"lookup: source {self._options.source} has {what}")
        return found[0]

    def _column(self, table: Table, name: str) -> TableColumn:
        try:
            return table.column(name)
        except KeyError:
            raise self._places.refuse(f"lookup: {table} has no column {name} that can be read") from None


def _read_as(column: TableColumn, dialect: Dialect) -> str:
    name = dialect.quote(column.name)
    return name if column.read_as is None else column.read_as.format(name)
