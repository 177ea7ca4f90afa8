"""What a SQLite file says of its values: ANALYZE's averages if they are there, else the greatest row id; keys and indexes."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from hanse.connectors.sqlite import verify
from hanse.ir.tables import ColumnStatistics, ForeignKey, Table, TableStatistics

ORIGIN = "sqlite_stat1"


def counted(connection: sqlite3.Connection, table: Table, has_rowid: bool) -> Table:
    """The table with statistics, indexes and foreign keys."""
    indexes = _indexes(connection, table.name)
    known = _averages(connection, table.name)
    rows: float | None = table.row_count
    if rows is None:
        rows = max((counts[0] for counts in known.values()), default=None)
    if rows is None and has_rowid:
        rows = _greatest(connection, table.name)
    columns: dict[str, ColumnStatistics] = {}
    for index, names in indexes.items():
        counts = known.get(index, [])
        if len(counts) > 1 and names and counts[1] > 0:
            # the file's second number: how many rows an average value of the first column has
            columns[names[0]] = ColumnStatistics(distinct=max(1.0, counts[0] / counts[1]))
    shown = {column.name for column in table.columns}
    usable = [names for names in indexes.values() if names]
    if table.primary_key and table.primary_key not in usable:
        usable.append(table.primary_key)
    return replace(
        table,
        foreign_keys=tuple(key for key in _references(connection, table) if shown.issuperset(key.columns)),
        indexes=tuple(usable),
        statistics=None if rows is None else TableStatistics(rows, columns, None, ORIGIN if columns else "row ids"),
    )


def _indexes(connection: sqlite3.Connection, table: str) -> Mapping[str, tuple[str, ...]]:
    """The columns of each index that is not partial, up to the first expression."""
    rows = connection.execute(
        "SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i"
        " WHERE NOT l.partial ORDER BY l.name, i.seqno",
        [table],
    ).fetchall()
    found: dict[str, list[str | None]] = defaultdict(list)
    for index, column in rows:
        found[index].append(column)
    return {
        index: tuple(map(str, names[: names.index(None)] if None in names else names)) for index, names in found.items()
    }


def _averages(connection: sqlite3.Connection, table: str) -> dict[str, list[float]]:
    """The numbers of each index in sqlite_stat1 (manual, "The sqlite_stat1 table"); words may follow them."""
    found: dict[str, list[float]] = {}
    with suppress(sqlite3.DatabaseError):
        for index, text in connection.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = ?", [table]):
            numbers = [float(word) for word in str(text).split() if word.isdigit()]
            if numbers:
                found[index or ""] = numbers
    return found


def _greatest(connection: sqlite3.Connection, table: str) -> float | None:
    """The greatest row id, found without a scan: an upper bound of the rows wherever ids count upwards."""
    with suppress(sqlite3.DatabaseError):
        row = connection.execute(f"SELECT max(rowid) FROM {verify.name(table)}").fetchone()
        return float(max(row[0] or 0, 0))
    return None


def _references(connection: sqlite3.Connection, table: Table) -> list[ForeignKey]:
    found: dict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    rows = connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', [table.name]
    )
    for number, *key in rows:
        found[number].append((key[0], key[1], key[2]))
    return [
        ForeignKey(tuple(x[1] for x in key), table.schema, key[0][0], tuple(str(x[2]) for x in key))
        for key in found.values()
        if all(x[2] for x in key)
    ]
