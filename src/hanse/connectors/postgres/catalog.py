"""Reads a server's catalog in bulk: tables, columns, keys, collations, rights; two round trips for any number of tables."""

import fnmatch
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from hanse.connectors.postgres import queries, statistics
from hanse.connectors.postgres.options import Options
from hanse.connectors.postgres.shots import FOREIGN
from hanse.connectors.postgres.types import Policy, Reading, ServerType, reading
from hanse.connectors.shared.scans import ParallelScans, cuts
from hanse.ir.tables import Collation, HiddenColumn, Table, TableColumn
from hanse.ir.types import TEXTS, Kind

VIEWS = frozenset({"v", "m"})
CODEPOINT_LOCALES = frozenset({"C", "POSIX"})
RELATIONS = {"r": "table", "v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}
CODEPOINT_ENCODINGS = frozenset({"UTF8", "LATIN1", "SQL_ASCII"})
"""Encodings in which the order of bytes is that of code points."""


@dataclass(frozen=True, slots=True)
class Server:
    """Facts of the server and the database."""

    version: int
    version_text: str
    encoding: str
    default_collation: Collation
    default_schema: str
    sees_clients_go: bool
    """Whether it can notice while a statement runs that its client has gone."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was read, by oid."""

    server: Server
    tables: list[tuple[Any, ...]]
    columns: Mapping[int, list[tuple[Any, ...]]]
    keys: Mapping[int, list[tuple[bool, tuple[str, ...]]]]
    types: Mapping[int, ServerType]
    collations: Mapping[int, Collation]
    counted: statistics.Known
    foreign: frozenset[int] = frozenset()
    """Relations with rows of other servers."""


def read(connection: "psycopg.Connection[Any]") -> Facts:
    """Ask the server, in one transaction of the caller's."""
    names = ("SERVER", "TABLES", "COLUMNS", "KEYS", "TYPES", "LABELS", "COLLATIONS", "FOREIGN")
    more = ("STATISTICS", "TIMES", "INDEXES", "FOREIGN_KEYS")
    with connection.pipeline():
        cursors = [connection.execute(getattr(queries, name).encode()) for name in (*names, *more)]
    found = [cursor.fetchall() for cursor in cursors]
    server, tables, columns, keys, types, labels, collations, foreign, *counted = found
    facts = _server(server[0])
    by_table: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in columns:
        by_table[row[0]].append(row[1:])
    unique: dict[int, list[tuple[bool, tuple[str, ...]]]] = defaultdict(list)
    for oid, primary, names_ in keys:
        unique[oid].append((primary, tuple(names_)))
    by_enum = {oid: tuple(values) for oid, values in labels}
    known = {row[0]: ServerType(*(*row, by_enum.get(row[0], ()))) for row in types}
    collated = {row[0]: _collation(row, facts) for row in collations}
    far = frozenset(row[0] for row in foreign)
    return Facts(facts, tables, by_table, unique, known, collated, statistics.known(*counted), far)


def _server(row: tuple[Any, ...]) -> Server:
    version, text, encoding, locale, provider, schema, sees = row
    sorted_by_bytes = provider == "b" or (provider == "c" and locale in CODEPOINT_LOCALES)
    by_codepoint = sorted_by_bytes and encoding in CODEPOINT_ENCODINGS
    return Server(version, text, encoding, Collation("default", True, by_codepoint), schema, sees)


def _collation(row: tuple[Any, ...], server: Server) -> Collation:
    _, name, deterministic, provider, locale = row
    if provider == "d":
        return server.default_collation
    sorted_by_bytes = provider == "b" or (provider == "c" and locale in CODEPOINT_LOCALES)
    return Collation(name, deterministic, sorted_by_bytes and server.encoding in CODEPOINT_ENCODINGS)


def tables(source: str, facts: Facts, policy: Policy, options: Options) -> tuple[Table, ...]:
    """The tables that the options let through; what may not be read has its columns hidden, with the reason."""
    shown = (row for row in facts.tables if _matches(row[1], options.schemas) and _named(row, options.tables))
    return tuple(_table(source, facts, policy, options.parallel_scans, row) for row in shown)


def untrusted(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """The tables with foreign keys that nobody relies on."""
    return tuple(
        replace(table, foreign_keys=tuple(replace(key, enforced=False) for key in table.foreign_keys))
        for table in tables
    )


def _matches(name: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _named(row: tuple[Any, ...], patterns: list[str]) -> bool:
    return _matches(row[2], patterns) or _matches(f"{row[1]}.{row[2]}", patterns)


def _table(source: str, facts: Facts, policy: Policy, scans: ParallelScans, row: tuple[Any, ...]) -> Table:
    oid, schema, name, kind, comment, estimate, live, usable, _, pages = row
    shown: list[TableColumn] = []
    hidden: list[HiddenColumn] = []
    for column in facts.columns.get(oid, ()):
        why = _unreadable(schema, usable, column[-1])
        if why:
            hidden.append(HiddenColumn(column[0], column[6], why))
        else:
            shown.append(_column(facts, policy, column))
    keys = facts.keys.get(oid, [])
    visible = {column.name for column in shown}
    readable = [(primary, names) for primary, names in keys if visible.issuperset(names)]
    known, count = facts.counted, None if kind == "v" else rows(estimate, live, facts.server.version)
    return Table(
        source,
        schema,
        name,
        tuple(shown),
        f"{quoted(schema)}.{quoted(name)}",
        tuple(hidden),
        next((names for primary, names in readable if primary), ()),
        tuple(names for primary, names in readable if not primary),
        count,
        kind in VIEWS,
        comment or "",
        (("relation", RELATIONS[kind]), *(((FOREIGN, "rows of another server"),) if oid in facts.foreign else ())),
        tuple(key for key in known.foreign_keys.get(oid, ()) if visible.issuperset(key.columns)),
        tuple(names for names in known.indexes.get(oid, ()) if visible.issuperset(names)),
        statistics.statistics(known, oid, count, {column.name: column.type for column in shown}),
        page_ranges(pages, count, scans),
    )


def _unreadable(schema: str, usable: bool, readable: bool) -> str | None:
    if not usable:
        return f"no USAGE privilege on schema {schema}"
    return None if readable else "no SELECT privilege"


def _column(facts: Facts, policy: Policy, row: tuple[Any, ...]) -> TableColumn:
    name, oid, modifier, dimensions, collation, nullable, declared, comment, _ = row
    found: Reading = reading(facts.types, oid, modifier, dimensions, policy)
    return TableColumn(
        name,
        found.type,
        nullable,
        declared,
        found.read_as,
        None,
        _comparison(facts, found, collation),
        comment or "",
    )


def _comparison(facts: Facts, found: Reading, collation: int) -> Collation:
    """How the column's values compare in the form in which they are read: a cast to text has the default collation."""
    if found.type.kind not in TEXTS and found.type.kind is not Kind.ARRAY:
        return Collation()
    if found.collates:
        return facts.collations.get(collation, Collation())
    return facts.server.default_collation


def page_ranges(pages: int | None, count: int | None, scans: ParallelScans) -> tuple[str, ...]:
    """Conditions that divide a heap of so many pages and rows by its pages, the last one open, for the table may have grown
    since it was counted; empty if it is to be read by one statement. Under one snapshot no row is in two places."""
    starts = [] if pages is None or count is None else cuts(pages, count, scans)
    if not starts:
        return ()
    low = ("", *(f"ctid >= '({page},0)'::tid" for page in starts))
    high = (*(f"ctid < '({page},0)'::tid" for page in starts), "")
    return tuple(" AND ".join(filter(None, ends)) for ends in zip(low, high, strict=True))


def rows(estimate: float | None, live: int | None, version: int) -> int | None:
    """The number of rows as the catalog knows it: -1 is unknown, and before version 14 so is 0 (trap R35)."""
    if estimate is not None and estimate > 0:
        return round(estimate)
    if live:
        return live
    return 0 if estimate == 0 and version >= 140000 else None


def quoted(identifier: str) -> str:
    """The identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'
