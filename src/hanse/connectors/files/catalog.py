"""Tables of a files source: each becomes a view that reads the files and refuses ones whose schema has changed."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb

from hanse.connectors.files.discovery import Found
from hanse.connectors.files.formats import READERS, Job, Scan, files_list
from hanse.connectors.files.options import FilesOptions
from hanse.connectors.shared.embedded.carriers import Place, name, quoted
from hanse.connectors.shared.embedded.failures import first_line
from hanse.ir.tables import HiddenColumn, Table

FILES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class View:
    """A table and the statements that make it readable; none where it cannot be read."""

    table: Table
    statements: tuple[str, ...] = ()


def schema_of(source: str, schema: str) -> str:
    """The coordinator's schema that holds the views of one schema of the source."""
    return f"hanse_{source}" if schema == "main" else f"hanse_{source}/{schema}"


def shows(found: Found, options: FilesOptions) -> bool:
    """Whether the options' patterns show the table."""
    pairs = ((found.schema, options.schemas), (found.name, options.tables))
    return all(not patterns or any(fnmatchcase(text, p) for p in patterns) for text, patterns in pairs)


def view(cursor: duckdb.DuckDBPyConnection, source: str, found: Found, options: FilesOptions) -> View:
    """Look into the files; what cannot be read becomes a table without columns that says why."""
    place = Place(source, found.name, "", options.nanoseconds)
    partitioned = found.is_partitioned if options.hive_partitioning is None else options.hive_partitioning
    table = Table(
        source=source,
        schema=found.schema,
        name=found.name,
        columns=(),
        relation=f"{name(schema_of(source, found.schema))}.{name(found.name)}",
        details=(("format", found.format), ("files", _files(found))),
    )
    problem = found.problem or _emptiness(found)
    if problem:
        return _unavailable(table, problem)
    try:
        job = Job(cursor, found, _patterns(cursor, found), partitioned, options, place)
        scan = READERS[found.format](job)
    except duckdb.Error as failure:
        return _unavailable(table, first_line(failure))
    if not scan.fields:
        return _unavailable(table, "no column of it can be read")
    columns = tuple(replace(field.column, read_as=None) for field in scan.fields)
    known = replace(table, columns=columns, hidden=scan.hidden, row_count=scan.row_count, statistics=scan.statistics)
    return View(known, _statements(known, scan))


def _unavailable(table: Table, reason: str) -> View:
    hidden = (HiddenColumn("*", "", reason),)
    raising = quoted(f"[58030] source {table.source}, table {table.name} cannot be read: {reason}")
    # A view that raises: naming the table gives the reason, whatever is asked of it.
    failing = f"CREATE OR REPLACE VIEW {table.relation} AS SELECT NULL AS unavailable WHERE error({raising})::BOOLEAN"
    known = replace(table, hidden=hidden, details=(*table.details, ("unavailable", reason)))
    return View(known, (_schema(table), failing))


def _schema(table: Table) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {name(schema_of(table.source, table.schema))}"


def _emptiness(found: Found) -> str:
    """A text file without a byte has no columns, whatever a reader makes up for it."""
    empty = found.format != "parquet" and all(file.stat().st_size == 0 for file in found.files)
    return f"{found.files[0]} is empty" if empty else ""


def _files(found: Found) -> str:
    more = len(found.files) - FILES_SHOWN
    listed = ", ".join(str(file) for file in found.files[:FILES_SHOWN])
    return f"{listed} and {more} more" if more > 0 else listed


def _escape(path: Path) -> str:
    """A path in which DuckDB's glob takes every character for itself."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def _patterns(cursor: duckdb.DuckDBPyConnection, found: Found) -> str:
    """A glob, so that files that appear later are read too, if it yields exactly the files found; else their list."""
    if len(found.files) > 1:
        endings = sorted(
            {"".join(file.suffixes[-2:]) if file.suffix in (".gz", ".zst") else file.suffix for file in found.files}
        )
        globs = files_list([f"{_escape(found.base)}/**/*{ending}" for ending in endings])
        matched = cursor.execute(f"SELECT file FROM glob({globs})").fetchall()
        if sorted(row[0] for row in matched) == sorted(map(str, found.files)):
            return globs
    return files_list([_escape(file) for file in found.files])


def _statements(table: Table, scan: Scan) -> tuple[str, ...]:
    changed = quoted(
        f"[72000] source {table.source}, table {table.name}: the files have changed, a column has another type"
    )
    terms = []
    for field in scan.fields:
        column = name(field.column.name)
        value = (field.column.read_as or "{0}").replace("{0}", column)
        terms.append(
            f"CASE WHEN typeof({column}) = {quoted(field.delivered)} THEN {value} ELSE error({changed}) END AS {column}"
        )
    return (
        _schema(table),
        f"CREATE OR REPLACE VIEW {table.relation} AS SELECT {', '.join(terms)} FROM {scan.function}",
    )
