"""Tables, columns and keys of all chosen databases, read in bulk from information_schema with a handful of queries."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import pymysql

from hanse.connectors.mysql import statistics, views
from hanse.connectors.mysql.options import Options, database
from hanse.connectors.mysql.types import RemoteColumn, collation, reading
from hanse.connectors.mysql.wire import Connection
from hanse.ir.tables import HiddenColumn, Table, TableColumn, TableStatistics

SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")

TABLES = """
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, TABLE_COMMENT, ENGINE
FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({schemas})
AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY TABLE_SCHEMA, TABLE_NAME"""
COLUMNS = """
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, NUMERIC_PRECISION, NUMERIC_SCALE,
CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_COMMENT
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({schemas}) ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"""
KEYS = """
SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ({schemas}) AND NON_UNIQUE = 0
ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"""
JSON_CHECKS = """
SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE
FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN ({schemas}) AND CHECK_CLAUSE LIKE 'json_valid(%'"""

VIEWS = """
SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ({schemas})"""

INNODB = "InnoDB"
Place = tuple[str, str]
"""A table: its database and its name."""


@dataclass(frozen=True, slots=True)
class Server:
    """Product and version."""

    is_mariadb: bool
    version: tuple[int, int, int]
    text: str

    def __str__(self) -> str:
        return f"{'MariaDB' if self.is_mariadb else 'MySQL'} {'.'.join(map(str, self.version))}"


def server(connection: Connection) -> Server:
    """What the server said of itself when we connected; a proxy may hide MariaDB behind the version 5.5.5."""
    text = str(connection.get_server_info())
    found = VERSION.match(text)
    numbers = (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
    return Server("mariadb" in text.lower(), numbers, text)


def packet_bytes(connection: Connection) -> int:
    """How long a statement may be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        return int(cursor.fetchone()[0])


def tables(connection: Connection, source: str, options: Options) -> tuple[Table, ...]:
    """All tables and views that the options let through; raises PyMySQL's errors."""
    chosen = _schemas(connection, options)
    if not chosen:
        return ()
    columns = _columns(connection, chosen, server(connection).is_mariadb)
    keys = _keys(connection, chosen)
    known = _known(connection, chosen, server(connection).is_mariadb)
    found = []
    listed = _rows(connection, TABLES, chosen)
    read = _engines_of_views(connection, chosen, listed)
    for schema, name, kind, rows, comment, engine in listed:
        if not _passes(name, options.tables):
            continue
        place = (schema, name)
        facts = _Facts(kind == "VIEW", rows, comment or "", engine or read.get(place, ""), keys.get(place, {}))
        readable = _readable(columns.get(place, []), options.zero_dates)
        trusted = options.trust_foreign_keys and engine == INNODB
        found.append(_counted(_table(source, place, readable, facts), known.get(place), trusted))
    return tuple(found)


def _engines_of_views(
    connection: Connection, schemas: Sequence[str], listed: Sequence[tuple[Any, ...]]
) -> dict[Place, str]:
    """The engine that each view reads, as far as that is known; nothing where their texts may not be read."""
    if all(kind != "VIEW" for _, _, kind, *_ in listed):
        return {}
    with suppress(pymysql.err.OperationalError, pymysql.err.ProgrammingError):
        texts = {(schema, name): text or "" for schema, name, text in _rows(connection, VIEWS, schemas)}
        return views.engines(texts, {(row[0], row[1]): row[5] or "" for row in listed if row[2] != "VIEW"})
    return {}


def _known(connection: Connection, schemas: Sequence[str], is_mariadb: bool) -> dict[Place, statistics.Known]:
    """Indexes, foreign keys and histograms; those that the user may not read, or that this server does not keep, apart."""
    histograms: list[tuple[Any, ...]] = []
    with suppress(pymysql.err.OperationalError, pymysql.err.ProgrammingError):
        histograms = _rows(connection, statistics.COLUMNS_MARIADB if is_mariadb else statistics.COLUMNS_MYSQL, schemas)
    indexes, keys = (_rows(connection, query, schemas) for query in (statistics.INDEXES, statistics.FOREIGN_KEYS))
    return statistics.known(indexes, keys, histograms)


def _counted(table: Table, known: statistics.Known | None, trusted: bool) -> Table:
    """The table with what is known of its values; ``trusted``: its foreign keys are relied on."""
    if known is None:
        counted = None if table.row_count is None else TableStatistics(table.row_count, {}, None, statistics.ORIGIN)
        return replace(table, statistics=counted)
    types = {column.name: column.type for column in table.columns}
    return replace(
        table,
        foreign_keys=tuple(key for key in known.references(trusted) if types.keys() >= set(key.columns)),
        indexes=tuple(names for names in known.usable() if types.keys() >= set(names)),
        statistics=known.statistics(table.row_count, types),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    is_view: bool
    rows: int | None
    comment: str
    engine: str
    keys: Mapping[str, tuple[str, ...]]


def _table(source: str, place: Place, columns: tuple[list[TableColumn], list[HiddenColumn]], facts: _Facts) -> Table:
    shown, hidden = columns
    names = {column.name for column in shown}
    whole = {name: key for name, key in facts.keys.items() if names.issuperset(key)}
    schema, name = place
    return Table(
        source,
        schema,
        name,
        tuple(shown),
        f"{quote(schema)}.{quote(name)}",
        tuple(hidden),
        primary_key=whole.get("PRIMARY", ()),
        unique_keys=tuple(key for index, key in sorted(whole.items()) if index != "PRIMARY"),
        row_count=None if facts.is_view else facts.rows,
        is_view=facts.is_view,
        comment="" if facts.is_view else facts.comment,
        details=(("engine", facts.engine),) if facts.engine else (),
    )


def quote(identifier: str) -> str:
    """The identifier in backticks."""
    return "`" + identifier.replace("`", "``") + "`"


def _readable(columns: Iterable[RemoteColumn], zero_dates: str) -> tuple[list[TableColumn], list[HiddenColumn]]:
    shown: list[TableColumn] = []
    hidden: list[HiddenColumn] = []
    for column in columns:
        found = reading(column, zero_dates)
        if found is None:
            hidden.append(HiddenColumn(column.name, column.column_type, "the type is unknown to Hanse"))
            continue
        facts = collation(column, found)
        shown.append(
            TableColumn(
                column.name,
                found.type,
                column.nullable
                or (found.read_as is not None and column.data_type in ("date", "datetime", "timestamp")),
                column.column_type,
                found.read_as,
                found.no_pushdown,
                facts,
                column.comment,
            )
        )
    return shown, hidden


def _schemas(connection: Connection, options: Options) -> list[str]:
    home = database(options)
    if not options.schemas and home:
        return [home]
    found = [row[0] for row in _rows(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1", [])]
    return [name for name in found if name.lower() not in SYSTEM and _passes(name, options.schemas)]


def _passes(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _rows(connection: Connection, query: str, schemas: Sequence[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query.format(schemas=", ".join(_string(name) for name in schemas)))
        return [tuple(map(_plain, row)) for row in cursor.fetchall()]


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain(value: Any) -> Any:
    """MySQL 8 hands out some texts of its catalog as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _columns(connection: Connection, schemas: Sequence[str], is_mariadb: bool) -> dict[Place, list[RemoteColumn]]:
    json = _json_columns(connection, schemas) if is_mariadb else frozenset()
    found: dict[Place, list[RemoteColumn]] = defaultdict(list)
    for schema, table, name, *facts in _rows(connection, COLUMNS, schemas):
        data_type, column_type, nullable, digits, scale, characters, octets, charset, order, comment = facts
        is_json = data_type == "longtext" and (schema, table, name) in json
        found[schema, table].append(
            RemoteColumn(
                name,
                data_type.lower(),
                column_type,
                nullable == "YES",
                digits,
                scale,
                characters,
                octets,
                charset or "",
                order or "",
                comment or "",
                is_json,
            )
        )
    return found


def _json_columns(connection: Connection, schemas: Sequence[str]) -> frozenset[tuple[str, str, str]]:
    """MariaDB's json is a longtext whose only mark is the check ``json_valid(`name`)``."""
    rows = _rows(connection, JSON_CHECKS, schemas)
    return frozenset(
        (schema, table, name) for schema, table, name, clause in rows if clause == f"json_valid({quote(name)})"
    )


def _keys(connection: Connection, schemas: Sequence[str]) -> dict[Place, dict[str, tuple[str, ...]]]:
    """Unique keys by index; an index over a part of a column or an expression says nothing of whole values."""
    parts: dict[Place, dict[str, list[str | None]]] = defaultdict(lambda: defaultdict(list))
    for schema, table, index, column, prefix in _rows(connection, KEYS, schemas):
        parts[schema, table][index].append(None if prefix is not None else column)
    return {
        place: {index: tuple(map(str, key)) for index, key in indexes.items() if None not in key}
        for place, indexes in parts.items()
    }
