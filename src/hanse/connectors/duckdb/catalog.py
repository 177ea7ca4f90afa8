"""Reads schemas, tables, views, keys and comments of an attached database file from DuckDB's own catalog functions."""

import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import duckdb

from hanse.connectors.duckdb.types import columns
from hanse.connectors.shared.embedded.carriers import Place, name
from hanse.connectors.shared.embedded.failures import first_line
from hanse.connectors.shared.statistics import decoded
from hanse.ir.tables import ColumnStatistics, ForeignKey, HiddenColumn, Table, TableStatistics
from hanse.ir.types import INTEGERS, Kind, Type

RELATIONS = """
    SELECT schema_name, table_name, false, estimated_size, comment, sql FROM duckdb_tables() WHERE database_name = $1
    UNION ALL
    SELECT schema_name, view_name, true, NULL, comment, sql FROM duckdb_views() WHERE database_name = $1 AND NOT internal
    ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
    FROM duckdb_constraints() WHERE database_name = $1
    AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'NOT NULL', 'FOREIGN KEY') ORDER BY constraint_index
"""
COMMENTS = """
    SELECT schema_name, table_name, column_name, comment FROM duckdb_columns()
    WHERE database_name = $1 AND comment IS NOT NULL
"""


UNIQUE = re.compile(r"\[Approx Unique: (\d+)\]$")
LIMITS = re.compile(r"\[Min: ([^,\]]*), Max: ([^,\]]*)\]")
"""In the text of ``stats(column)``; the ends of texts are cut there, and are not used."""
NULLS = re.compile(r"\[Has Null: (true|false), Has No Null: (true|false)\](?:\[Approx Unique: \d+\])?$")
"""The column's own, which is the last: what stands before it may be of a list's items or a struct's fields."""
ENDED = INTEGERS | {Kind.DATE, Kind.DECIMAL, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}


@dataclass(slots=True)
class Facts:
    """What the catalog says about the columns of one relation."""

    primary_key: tuple[str, ...] = ()
    unique_keys: list[tuple[str, ...]] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    required: set[str] = field(default_factory=set)
    comments: dict[str, str] = field(default_factory=dict)
    collated: bool = False
    """Whether a COLLATE stands anywhere in the database: a view's columns have their tables' collations."""


def read(
    cursor: duckdb.DuckDBPyConnection, alias: str, place: Place, shown: tuple[list[str], list[str]]
) -> tuple[Table, ...]:
    """All tables and views of the database attached as ``alias`` that the patterns (schemas, tables) show."""
    facts = _facts(cursor, alias)
    found = cursor.execute(RELATIONS, [alias]).fetchall()
    collated = any("COLLATE" in str(row[5]).upper() for row in found)
    for row in found:
        facts[row[0], row[1]].collated = collated
    return tuple(
        _table(cursor, alias, replace(place, table=f"{row[0]}.{row[1]}"), row, facts[row[0], row[1]])
        for row in found
        if matches(row[0], shown[0]) and matches(row[1], shown[1])
    )


def matches(text: str, patterns: list[str]) -> bool:
    """Whether a shell pattern shows the name; no patterns show all."""
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def _facts(cursor: duckdb.DuckDBPyConnection, alias: str) -> defaultdict[tuple[str, str], Facts]:
    facts: defaultdict[tuple[str, str], Facts] = defaultdict(Facts)
    for schema, table, kind, names, other, referenced in cursor.execute(CONSTRAINTS, [alias]).fetchall():
        known = facts[schema, table]
        if kind == "PRIMARY KEY":
            known.primary_key = tuple(names)
        elif kind == "UNIQUE":
            known.unique_keys.append(tuple(names))
        elif kind == "FOREIGN KEY":
            known.foreign_keys.append(ForeignKey(tuple(names), schema, other, tuple(referenced), True))
        else:
            known.required.update(names)
    for schema, table, column, comment in cursor.execute(COMMENTS, [alias]).fetchall():
        facts[schema, table].comments[column] = comment
    return facts


def _table(cursor: duckdb.DuckDBPyConnection, alias: str, place: Place, row: tuple[Any, ...], facts: Facts) -> Table:
    schema, table_name, is_view, size, comment, _ = row
    relation = ".".join(map(name, (alias, schema, table_name)))
    table = Table(
        source=place.source,
        schema=schema,
        name=table_name,
        columns=(),
        relation=relation,
        primary_key=facts.primary_key,
        unique_keys=tuple(facts.unique_keys),
        row_count=size,
        is_view=is_view,
        comment=comment or "",
    )
    try:
        shape = cursor.execute(f"SELECT * FROM {relation} LIMIT 0")
        names, ducks = _shape(shape)
    except duckdb.Error as failure:
        reason = first_line(failure)
        return replace(table, hidden=(HiddenColumn("*", "", reason),), details=(("unavailable", reason),))
    readable, hidden = columns(names, ducks, place, facts.collated)
    readable = tuple(
        replace(column, nullable=column.name not in facts.required, comment=facts.comments.get(column.name, ""))
        for column in readable
    )
    known = replace(table, columns=readable, hidden=hidden, foreign_keys=tuple(facts.foreign_keys))
    return known if is_view else replace(known, statistics=_statistics(cursor, known))


def _statistics(cursor: duckdb.DuckDBPyConnection, table: Table) -> TableStatistics | None:
    """What DuckDB keeps of each column, read from one row."""
    if table.row_count is None:
        return None
    found: dict[str, ColumnStatistics] = {}
    with suppress(duckdb.Error):
        terms = ", ".join(f"stats({name(column.name)})" for column in table.columns)
        row = cursor.execute(f"SELECT {terms} FROM {table.relation} LIMIT 1").fetchone() or ()
        found = {column.name: _column(text, column.type) for column, text in zip(table.columns, row, strict=False)}
        found = {column: known for column, known in found.items() if known != ColumnStatistics()}
    return TableStatistics(table.row_count, found, None, "duckdb")


def _column(text: str, type: Type) -> ColumnStatistics:
    unique, limits = UNIQUE.search(text), LIMITS.match(text)
    least = greatest = None
    if limits and type.kind in ENDED:
        least, greatest = decoded(limits[1], type), decoded(limits[2], type)
    if least is not None and greatest is not None and least > greatest:
        # so DuckDB writes that no value has been seen yet
        least = greatest = None
    return ColumnStatistics(float(unique[1]) if unique else None, _null_share(text), least, greatest)


def _null_share(text: str) -> float | None:
    """Known where all values are NULL or none is."""
    seen = NULLS.search(text)
    shares = {("false", "true"): 0.0, ("true", "false"): 1.0}
    return shares.get((seen[1], seen[2])) if seen else None


def _shape(result: duckdb.DuckDBPyConnection) -> tuple[list[str], list[Any]]:
    """Names and DuckDB types of a result."""
    described = result.description or []
    return [item[0] for item in described], [item[1] for item in described]
