"""Reads tables, views, keys and columns of a SQLite file, and tests what its columns claim."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from hanse.connectors.sqlite import statistics, verify
from hanse.connectors.sqlite.options import SQLiteOptions
from hanse.connectors.sqlite.types import ANY, BYTES, INTEGER, REAL, TEXT, Claim, claim
from hanse.ir.tables import Collation, HiddenColumn, Table, TableColumn
from hanse.ir.types import Kind
from hanse.spi.dialect import BYTEWISE

SCHEMA = "main"
SEVERAL = "SQLite keeps values of several types in it"
UNTESTED = "its values are not tested"
BROKEN = "some of its values are not of its type"
UTF16 = "the file is in UTF-16, by which SQLite sorts"
DECLARED = Collation("declared")
"""A table whose definition says COLLATE somewhere: BINARY must be said wherever text is compared."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What reading a table rests on."""

    claims: Mapping[str, Claim]
    tested: frozenset[str]
    """Columns whose every value kept its claim when ``token`` was the file's."""
    token: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``PRAGMA table_list``, and the definition."""

    name: str
    kind: str
    without_rowid: bool
    strict: bool
    sql: str


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the catalog."""

    connection: sqlite3.Connection
    source: str
    options: SQLiteOptions
    token: str

    def tables(self) -> dict[str, tuple[Table, Facts]]:
        """All tables and views that the options show."""
        shown = [entry for entry in self._entries() if self._shows(entry.name)]
        return {entry.name: self._table(entry) for entry in shown}

    def _shows(self, table: str) -> bool:
        schemas, tables = self.options.schemas, self.options.tables
        return all(
            not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)
            for text, patterns in ((SCHEMA, schemas), (table, tables))
        )

    def _entries(self) -> list[Entry]:
        rows = self.connection.execute(
            "SELECT l.name, l.type, l.wr, l.strict, coalesce(s.sql, '') FROM pragma_table_list AS l"
            " JOIN sqlite_schema AS s ON s.name = l.name WHERE l.schema = 'main' AND l.type <> 'shadow'"
            " AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY l.name"
        ).fetchall()
        return [Entry(row[0], row[1], bool(row[2]), bool(row[3]), row[4]) for row in rows]

    def _table(self, entry: Entry) -> tuple[Table, Facts]:
        table = Table(
            source=self.source,
            schema=SCHEMA,
            name=entry.name,
            columns=(),
            relation=f'"main".{verify.name(entry.name)}',
            is_view=entry.kind == "view",
        )
        try:
            return self._readable(entry, table)
        except sqlite3.DatabaseError as failure:
            reason = str(failure)
            hidden = (HiddenColumn("*", "", reason),)
            return replace(table, hidden=hidden, details=(("unavailable", reason),)), Facts({}, frozenset(), self.token)

    def _readable(self, entry: Entry, table: Table) -> tuple[Table, Facts]:
        described = self.connection.execute(
            'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', [entry.name]
        ).fetchall()
        claims = {row[0]: self._claim(entry, row[0], row[1]) for row in described}
        rows, broken = None, frozenset(claims)
        if self.options.verify and entry.kind == "table":
            rows, broken = verify.broken(self.connection, entry.name, claims)
        tested = frozenset(claims) - broken
        keys = [row[0] for row in sorted(described, key=lambda row: row[3]) if row[3]]
        solid = entry.without_rowid or (len(keys) == 1 and any(r[3] and r[1].upper() == "INTEGER" for r in described))
        columns = tuple(
            self._column(
                entry, (row[0], row[1]), claims[row[0]], row[0] in tested, bool(row[2]) or (solid and row[3] > 0)
            )
            for row in described
        )
        required = {column.name for column in columns if not column.nullable}
        unique = self._unique(entry.name)
        primary = tuple(keys) if keys and set(keys) <= required else ()
        if keys and not primary:
            unique.append(tuple(keys))
        known = replace(table, columns=columns, primary_key=primary, unique_keys=tuple(unique), row_count=rows)
        if entry.kind == "table":
            known = statistics.counted(self.connection, known, not entry.without_rowid)
        return known, Facts(claims, tested, self.token)

    def _claim(self, entry: Entry, column: str, declared: str) -> Claim:
        if any(fnmatchcase(f"{entry.name}.{column}", pattern) for pattern in self.options.as_text):
            return ANY
        seen: frozenset[str] = frozenset()
        if not declared:
            quoted = verify.name(column)
            seen = frozenset(
                row[0]
                for row in self.connection.execute(
                    f"SELECT DISTINCT typeof({quoted}) FROM (SELECT {quoted} FROM {verify.name(entry.name)} LIMIT 1000)"
                )
            )
        made = claim(declared, self.options, seen)
        return replace(made, broken=None) if entry.strict and made in (INTEGER, REAL, TEXT, BYTES) else made

    def _column(self, entry: Entry, named: tuple[str, str], made: Claim, tested: bool, required: bool) -> TableColumn:
        reason = None
        if made.always:
            reason = SEVERAL
        elif not tested and made.broken:
            reason = BROKEN if self.options.verify and entry.kind == "table" else UNTESTED
        elif made.type.kind is Kind.TEXT and not self._is_utf8():
            reason = UTF16
        return TableColumn(
            name=named[0],
            type=made.type,
            nullable=not required,
            remote_type=named[1],
            read_as=made.plain if tested and not made.always else made.guarded,
            no_pushdown=reason,
            collation=DECLARED if "COLLATE" in entry.sql.upper() else BYTEWISE,
        )

    def _is_utf8(self) -> bool:
        return bool(self.connection.execute("PRAGMA encoding").fetchone()[0] == "UTF-8")

    def _unique(self, table: str) -> list[tuple[str, ...]]:
        indexes = self.connection.execute(
            "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial AND origin <> 'pk'", [table]
        ).fetchall()
        found = (
            tuple(
                row[0] for row in self.connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index)
            )
            for index in indexes
        )
        return [columns for columns in found if columns and None not in columns]
