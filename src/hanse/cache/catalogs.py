"""What the tables of each source were when they were last read: names, types and keys, so that a process that starts while a
source is down knows what a query means that can do without it. No values, no statistics, no secrets.

It is kept in a small SQLite file in the folder ``engine.state``, by the source's name and by what the configuration says of
where it is: another server's tables are never taken for its. What cannot be read is as if it were not there.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hanse.ir import types as t
from hanse.ir.tables import Collation, HiddenColumn, Table, TableColumn
from hanse.spi.capabilities import Capabilities
from hanse.spi.dialect import Dialect
from hanse.spi.snapshot import SourceCatalog
from hanse.statefile import StateFile

REFRESH_SECONDS = 3_600.0
"""How often the time of what has not changed is written anew."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS catalogs (
    source TEXT PRIMARY KEY, place TEXT NOT NULL, kind TEXT NOT NULL, server TEXT NOT NULL, home TEXT NOT NULL,
    tables TEXT NOT NULL, read_at REAL NOT NULL
) WITHOUT ROWID;
"""
HOW = frozenset(
    {"breaker", "deadlines", "guardrails", "limits", "on_failure", "replicas", "retry", "sweep", "connections"}
)
"""Options that say how a source is asked, and nothing of what it is."""
_SECRET = re.compile(r"pass|secret|token|credential|key", re.IGNORECASE)
_PASSWORD = re.compile(r"password\s*=\s*('[^']*'|\S+)", re.IGNORECASE)


class KnownCatalogs:
    """The store. Thread-safe; several processes may hold it."""

    def __init__(self, folder: Path, blocks: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep catalogs in ``folder``; ``blocks`` is what the configuration says of each source."""
        self._file = StateFile(folder / "catalogs.db", _SCHEMA)
        self._places = {name: place_of(block) for name, block in blocks.items()}
        self._kept: dict[str, tuple[str, float]] = {}
        """Of each source a digest of what was written, and when."""

    def keep(self, catalog: SourceCatalog, now: float) -> None:
        """Remember a catalog that was read at ``now`` seconds since 1970. Files are not, and of what is made of shards these
        are, as far as they were read."""
        for shard in catalog.shards:
            self.keep(shard, now)
        if catalog.capabilities.embedded or catalog.shards or catalog.assumed or catalog.source not in self._places:
            return
        text = written(catalog.tables)
        digest = hashlib.sha256(text.encode()).hexdigest()
        known, at = self._kept.get(catalog.source, ("", 0.0))
        if known == digest and now - at < REFRESH_SECONDS:
            return
        place = self._places[catalog.source]
        row = (catalog.source, place, catalog.kind, catalog.server, catalog.default_schema, text, now)
        try:
            with self._file.written() as store:
                store.execute("INSERT OR REPLACE INTO catalogs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._kept[catalog.source] = digest, now
        except (sqlite3.Error, OSError):
            return  # it is of use only to those who come later

    def recall(self, source: str, dialect: Dialect) -> tuple[SourceCatalog, float] | None:
        """The source's tables as they were, and when that was; None: nobody knows. They are for the meaning of a query alone:
        ``dialect`` is anybody's, the source can do nothing, and its tables have no name there."""
        if not self._file.exists:
            return None
        asked = "SELECT kind, server, home, tables, read_at FROM catalogs WHERE source = ? AND place = ?"
        try:
            with self._file.opened() as store:
                found = store.execute(asked, (source, self._places.get(source, ""))).fetchone()
            if found is None:
                return None
            kind, server, home, text, at = found
            return SourceCatalog(source, kind, read(text, source), dialect, Capabilities(), server, home), float(at)
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError):
            return None

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()


def place_of(block: Mapping[str, Any]) -> str:
    """A digest of what a block of the configuration says of a source, without what is secret in it."""
    what = {name: value for name, value in block.items() if name not in HOW}
    return hashlib.sha256(json.dumps(_open(what), sort_keys=True, default=str).encode()).hexdigest()


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _open(one) for name, one in value.items() if not _SECRET.search(str(name))}
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    if not isinstance(value, str):
        return value
    if "://" not in value:
        return _PASSWORD.sub("", value)
    url = urlsplit(value)
    return [url.scheme, url.username, url.netloc.rpartition("@")[2], url.path, _PASSWORD.sub("", url.query)]


def written(tables: Iterable[Table]) -> str:
    """Tables as text."""
    return json.dumps([_table(table) for table in tables])


def read(text: str, source: str) -> tuple[Table, ...]:
    """Tables from such a text; raises ValueError, KeyError, TypeError for another text."""
    return tuple(_as_table(source, *fields) for fields in json.loads(text))


def _table(table: Table) -> list[Any]:
    columns = [[one.name, _type(one.type), one.nullable, one.remote_type, _collation(one)] for one in table.columns]
    hidden = [[one.name, one.remote_type, one.reason] for one in table.hidden]
    return [table.schema, table.name, columns, hidden, table.primary_key, table.unique_keys, table.is_view]


def _as_table(source: str, schema: str, name: str, columns: list[Any], *more: Any) -> Table:
    hidden, primary_key, unique_keys, is_view = more
    return Table(
        source,
        schema,
        name,
        tuple(
            TableColumn(column, _as_type(type), nullable, remote, collation=Collation(*collation))
            for column, type, nullable, remote, collation in columns
        ),
        "",
        tuple(HiddenColumn(*one) for one in hidden),
        tuple(primary_key),
        tuple(map(tuple, unique_keys)),
        is_view=is_view,
    )


def _collation(column: TableColumn) -> list[Any]:
    found = column.collation
    return [found.name, found.equal_is_bytewise, found.order_is_codepoint, found.bytes_max]


def _type(type: t.Type) -> Any:
    match type:
        case t.Decimal(precision=precision, scale=scale):
            return ["decimal", precision, scale]
        case t.Enum(labels=labels):
            return ["enum", *labels]
        case t.Array(item=item):
            return ["array", _type(item)]
    return str(type.kind)


def _as_type(found: Any) -> t.Type:
    match found:
        case ["decimal", precision, scale]:
            return t.decimal(precision, scale)
        case ["enum", *labels]:
            return t.enum(tuple(labels))
        case ["array", item]:
            return t.Array(t.Kind.ARRAY, _as_type(item))
    return t.Type(t.Kind(found))
