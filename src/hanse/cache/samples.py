"""What ``hanse analyze`` found in samples of tables, with its age: in a small SQLite file that processes share.

Values of the tables stand in it (common ones, bounds of histograms), as they do in every database's own statistics: only
its owner may read it. What cannot be read is as if it were not there.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from hanse.errors import ConfigError
from hanse.ir.tables import ColumnStatistics, Table, TableStatistics
from hanse.statefile import StateFile

Place = tuple[str, str, str]
"""A table: source, schema, name."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS samples (
    source TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL, statistics TEXT NOT NULL, types TEXT NOT NULL,
    PRIMARY KEY (source, schema, name)
) WITHOUT ROWID;
"""


def place_of(table: Table) -> Place:
    """Under which a table's sample is kept."""
    return table.source, table.schema, table.name


class Samples:
    """The store in one folder. Thread-safe; several processes may hold it."""

    def __init__(self, folder: Path) -> None:
        """Keep samples in ``folder``, which is made when there is something to keep."""
        self._file = StateFile(folder / "samples.db", _SCHEMA)

    def put(self, table: Table, statistics: TableStatistics) -> None:
        """Keep what was found in a table, in the place of what was; raises ConfigError if that cannot be written."""
        types = json.dumps({column.name: str(column.type) for column in table.columns})
        row = (*place_of(table), written(statistics), types)
        try:
            with self._file.written() as store:
                store.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)", row)
        except (sqlite3.Error, OSError) as failure:
            raise ConfigError(f"cannot write to the folder engine.state: {failure}") from None

    def all(self) -> dict[Place, tuple[TableStatistics, Mapping[str, str]]]:
        """Everything that is kept, each with the types that the table's columns had."""
        if not self._file.exists:
            return {}
        try:
            with self._file.opened() as store:
                rows = store.execute("SELECT source, schema, name, statistics, types FROM samples").fetchall()
            return {tuple(place): (read(text), json.loads(types)) for *place, text, types in rows}
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError, ArithmeticError):
            return {}

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()


def written(statistics: TableStatistics) -> str:
    """Statistics as text."""
    columns = {name: _fields(column) for name, column in statistics.columns.items()}
    return json.dumps([statistics.row_count, columns, statistics.taken_at, statistics.origin])


def read(text: str) -> TableStatistics:
    """Statistics from such a text; raises ValueError, KeyError, TypeError, ArithmeticError for another text."""
    rows, columns, taken_at, origin = json.loads(text)
    return TableStatistics(rows, {name: _column(fields) for name, fields in columns.items()}, taken_at, origin)


def _fields(column: ColumnStatistics) -> dict[str, Any]:
    fields = asdict(column)
    fields["minimum"], fields["maximum"] = _encoded(column.minimum), _encoded(column.maximum)
    fields["common"] = [(_encoded(value), share) for value, share in column.common]
    fields["histogram"] = [_encoded(value) for value in column.histogram]
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _column(fields: Mapping[str, Any]) -> ColumnStatistics:
    known = dict(fields)
    for end in ("minimum", "maximum"):
        known[end] = _decoded(known.get(end))
    known["common"] = tuple((_decoded(value), share) for value, share in known.get("common", ()))
    known["histogram"] = tuple(_decoded(value) for value in known.get("histogram", ()))
    return ColumnStatistics(**known)


_WORDS: dict[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    Decimal: ("decimal", str, Decimal),
    dt.datetime: ("datetime", dt.datetime.isoformat, dt.datetime.fromisoformat),
    dt.date: ("date", dt.date.isoformat, dt.date.fromisoformat),
    dt.time: ("time", dt.time.isoformat, dt.time.fromisoformat),
}
"""Values that JSON has no word for."""
_READERS = {word: reader for word, _, reader in _WORDS.values()}


def _encoded(value: Any) -> Any:
    if type(value) not in _WORDS:
        return value
    word, write, _ = _WORDS[type(value)]
    return [word, write(value)]


def _decoded(value: Any) -> Any:
    return _READERS[value[0]](value[1]) if isinstance(value, list) else value
