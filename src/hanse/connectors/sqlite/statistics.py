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
    rows, origin = _rows(connection, table, known, has_rowid)
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
        statistics=None if rows is None else TableStatistics(rows, columns, None, ORIGIN if columns else origin),
    )


def _rows(
    connection: sqlite3.Connection, table: Table, known: Mapping[str, list[float]], has_rowid: bool
) -> tuple[float | None, str]:
    """How many rows there are, and who says so: a count of all, else ANALYZE's, else the greatest row id."""
    if table.row_count is not None:
        return table.row_count, "count"
    if known:
        return max(counts[0] for counts in known.values()), ORIGIN
    return (_greatest(connection, table), "row ids") if has_rowid else (None, "")


def _indexes(connection: sqlite3.Connection, table: str) -> Mapping[str, tuple[str, ...]]:
    """The columns of each index that is not partial, up to the first expression, by its name in sqlite_stat1: there the
    primary key of a table WITHOUT ROWID has the name of the table."""
    rows = connection.execute(
        "SELECT iif(l.origin = 'pk' AND t.wr, t.name, l.name) AS known, i.name"
        " FROM pragma_table_list(?1) AS t, pragma_index_list(?1) AS l, pragma_index_info(l.name) AS i"
        " WHERE t.schema = 'main' AND NOT l.partial ORDER BY known, i.seqno",
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


def _greatest(connection: sqlite3.Connection, table: Table) -> float | None:
    """The greatest row id, found without a scan: an upper bound of the rows wherever ids count upwards. A column may have
    taken a name of it; with all three taken nothing can ask for it."""
    taken = {column.name.lower() for column in table.columns}
    free = [name for name in ("rowid", "_rowid_", "oid") if name not in taken]
    with suppress(sqlite3.DatabaseError):
        if free:
            row = connection.execute(f"SELECT max({free[0]}) FROM {verify.name(table.name)}").fetchone()
            greatest = row[0] or 0
            return float(greatest) if greatest >= 0 else None
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
