"""Looks for values that break their column's claim: all columns of a table in one scan, or the row to name in an error."""

import sqlite3
from collections.abc import Mapping

from hanse.connectors.sqlite.types import Claim
from hanse.errors import InvalidValue

Claims = Mapping[str, Claim]
"""The claims of a table's columns, by name."""

HINT = "correct the value, or read the column as text: options as_text, dates"


def name(identifier: str) -> str:
    """The identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def broken(connection: sqlite3.Connection, table: str, claims: Claims) -> tuple[int, frozenset[str]]:
    """How many rows the table has, and the columns whose claim some value breaks: one scan where none does."""
    tested = {
        column: claim.broken.replace("{0}", name(column))
        for column, claim in claims.items()
        if claim.broken and not claim.always
    }
    rows = connection.execute(f"SELECT count(*) FROM {name(table)}").fetchone()[0]
    if not tested or not _any(connection, table, " OR ".join(tested.values())):
        return rows, frozenset()
    return rows, frozenset(column for column, test in tested.items() if _any(connection, table, test))


def _any(connection: sqlite3.Connection, table: str, test: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {name(table)} WHERE {test} LIMIT 1").fetchone() is not None


def culprit(connection: sqlite3.Connection, source: str, table: str, claims: Claims) -> InvalidValue | None:
    """The first value that cannot be read, as an error that names table, column and row; None: there is none."""
    for column, claim in claims.items():
        if claim.refused is None:
            continue
        quoted = name(column)
        where = f"FROM {name(table)} WHERE {claim.refused.replace('{0}', quoted)} LIMIT 1"
        try:
            found = connection.execute(
                f"SELECT rowid, substr(quote({quoted}), 1, 80), typeof({quoted}) {where}"
            ).fetchone()
        except sqlite3.OperationalError:
            found = connection.execute(
                f"SELECT NULL, substr(quote({quoted}), 1, 80), typeof({quoted}) {where}"
            ).fetchone()
        if found:
            row = "" if found[0] is None else f", rowid {found[0]}"
            problem = f"table {table}, column {column}{row}: {found[1]} ({found[2]}) is not {claim.type}"
            return InvalidValue(problem, sqlstate="22P02", source=source, hint=HINT)
    return None
