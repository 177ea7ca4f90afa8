"""How each format is read: the table function's SQL, and the columns that it yields with the types that we give them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from hanse.connectors.files import footers
from hanse.connectors.files.discovery import Found
from hanse.connectors.files.options import CsvOptions, FilesOptions
from hanse.connectors.files.types import CANDIDATES, JSON, TEXT, TextType, given
from hanse.connectors.shared.embedded.carriers import Place, column, name, quoted
from hanse.ir.tables import HiddenColumn, TableColumn, TableStatistics
from hanse.ir.types import FLOATS, Kind
from hanse.spi.dialect import BYTEWISE

DELIMITERS = ",;\t|"
SNIFF_ROWS = 1000
"""Rows that DuckDB looks at when it opens a CSV file whose types we give."""
NESTED = frozenset({"struct", "map", "union", "list", "array"})
LISTS_AS_THEY_ARE = frozenset({"BIGINT[]", "VARCHAR[]", "BOOLEAN[]"})


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a file: what the reader yields (``delivered``: DuckDB's name of the type), and what becomes of it."""

    column: TableColumn
    delivered: str


@dataclass(frozen=True, slots=True)
class Scan:
    """A table function over files, and its columns."""

    function: str
    fields: tuple[Field, ...]
    hidden: tuple[HiddenColumn, ...] = ()
    row_count: int | None = None
    details: tuple[tuple[str, str], ...] = field(default=())
    statistics: TableStatistics | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a format's reader needs to know."""

    cursor: duckdb.DuckDBPyConnection
    found: Found
    patterns: str
    """An SQL list of file names or globs."""
    is_partitioned: bool
    options: FilesOptions
    place: Place

    def shape(self, function: str) -> list[tuple[str, Any]]:
        """Names and DuckDB types of what a table function yields."""
        described = self.cursor.execute(f"SELECT * FROM {function} LIMIT 0").description or []
        return [(item[0], item[1]) for item in described]

    def given(self) -> dict[str, TextType]:
        """Types that the user gives to columns of this table."""
        wanted = self.options.columns.get(self.found.name, {})
        return {key: given(text, self.place.source) for key, text in wanted.items()}


def files_list(paths: Sequence[Path | str]) -> str:
    """The SQL list of these paths."""
    return "[" + ", ".join(quoted(str(path)) for path in paths) + "]"


def parquet(job: Job) -> Scan:
    """Types, row counts and differences between files from the footers."""
    differ, rows = _footers(job)
    union = ", union_by_name = true" if differ else ""
    function = f"read_parquet({job.patterns}, hive_partitioning = {_flag(job.is_partitioned)}{union})"
    reasons = _inexact(job) | (_disagreements(job) if differ else {})
    fields: list[Field] = []
    hidden: list[HiddenColumn] = []
    for column_name, duck in job.shape(function):
        place = Place(job.place.source, job.place.table, column_name, job.place.nanoseconds)
        found = column(column_name, duck, place)
        if column_name in reasons:
            hidden.append(HiddenColumn(column_name, str(duck), reasons[column_name]))
        elif isinstance(found, HiddenColumn):
            hidden.append(found)
        else:
            fields.append(Field(_unpruned(found), str(duck)))
    known = footers.statistics(job.cursor, job.patterns, rows, [item.column for item in fields])
    return Scan(function, tuple(fields), tuple(hidden), rows, statistics=known)


NAN_KEPT = "CASE WHEN isnan({0}) THEN 'nan' ELSE {0} END"


def _unpruned(column: TableColumn) -> TableColumn:
    """Writers leave NaN out of a float column's statistics, and DuckDB then skips row groups that hold it (``f > 5``):
    an expression that is not the column itself keeps it from asking them."""
    return replace(column, read_as=NAN_KEPT) if column.type.kind in FLOATS else column


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _footers(job: Job) -> tuple[bool, int]:
    """Whether the files' schemas differ, and how many rows they hold together."""
    shapes = job.cursor.execute(
        "SELECT count(DISTINCT shape) FROM (SELECT string_agg(concat_ws(chr(31), name, type, converted_type, logical_type,"
        " precision, scale, num_children), chr(30)) AS shape FROM"
        f" parquet_schema({job.patterns}) GROUP BY file_name)"
    ).fetchone()
    rows = job.cursor.execute(f"SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata({job.patterns})").fetchone()
    return bool(shapes and shapes[0] > 1), int(rows[0] or 0) if rows else 0


def _inexact(job: Job) -> dict[str, str]:
    """Columns that DuckDB reads with a loss, with the reason: wider decimals become floats, some nanoseconds are cut."""
    rows = job.cursor.execute(
        f"SELECT DISTINCT name, precision FROM parquet_schema({job.patterns})"
        " WHERE precision > 38 OR (logical_type LIKE '%NANOS=NanoSeconds%'"
        " AND (logical_type LIKE 'TimeType%' OR logical_type LIKE '%isAdjustedToUTC=1%'))"
    ).fetchall()
    may_cut = job.options.nanoseconds == "truncate"
    return {
        column_name: WIDE.format(precision) if precision else CUT
        for column_name, precision in rows
        if precision or not may_cut
    }


WIDE = "a decimal of {} digits: at most 38 can be read exactly"
CUT = "nanoseconds would be cut to microseconds; the option nanoseconds: truncate allows that"
FAMILIES = (
    frozenset({"tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint"}),
    frozenset({"float", "double"}),
    frozenset({"timestamp_s", "timestamp_ms", "timestamp", "timestamp_ns", "date"}),
)
"""Types that may differ from file to file: their union holds every value of each."""


def _disagreements(job: Job) -> dict[str, str]:
    """Columns whose types differ between files in a way that no common type holds exactly, with the reason."""
    seen: dict[str, dict[str, tuple[str, Path]]] = {}
    for file in job.found.files:
        for column_name, duck in job.shape(f"read_parquet({files_list([file])}, hive_partitioning = false)"):
            seen.setdefault(column_name, {}).setdefault(str(duck), (duck.id, file))
    return {
        column_name: "files disagree: " + ", ".join(f"{text} in {file.name}" for text, (_, file) in kinds.items())
        for column_name, kinds in seen.items()
        if len(kinds) > 1 and not any({kind for kind, _ in kinds.values()} <= family for family in FAMILIES)
    }


def csv(job: Job) -> Scan:
    """Names and types from whole files; then every read is told both, so that nothing is guessed twice."""
    options = _csv_options(job)
    text = f"read_csv({job.patterns}, all_varchar = true, {options})"
    sniffed = job.shape(f"read_csv({job.patterns}, sample_size = -1, dateformat = '%Y-%m-%d', {options})")
    wanted = job.given()
    types = infer(job, text, [(key, duck) for key, duck in sniffed if key not in wanted], False)
    fields = []
    read: dict[str, str] = {}
    for key, _ in sniffed:
        kind = wanted.get(key) or types[key]
        read[key] = "VARCHAR" if key in wanted else kind.duck
        fields.append(_text_field(key, kind, job, checked=key in wanted, delivered=_delivered(read[key])))
    pairs = ", ".join(f"{quoted(key)}: {quoted(duck)}" for key, duck in read.items())
    function = f"read_csv({job.patterns}, types = {{{pairs}}}, sample_size = {SNIFF_ROWS}, {options})"
    return Scan(function, tuple(fields))


def _delivered(duck: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if duck == "TIMESTAMPTZ" else duck


def _csv_options(job: Job) -> str:
    given_options: CsvOptions = job.options.csv
    delimiter = given_options.delimiter or _delimiter(job, given_options)
    quote = given_options.quote
    parts = [
        f"delim = {quoted(delimiter)}",
        f"quote = {quoted(quote)}",
        f"escape = {quoted(quote)}",
        "skip = 0",
        f"nullstr = {files_list(given_options.null_strings)}",
        "allow_quoted_nulls = false",
        f"encoding = {quoted(given_options.encoding)}",
        f"hive_partitioning = {_flag(job.is_partitioned)}",
    ]
    if len(job.found.files) > 1:
        parts.append("union_by_name = true")
    header = given_options.header
    if header is None:
        header = _has_header(job, ", ".join([*parts[:4], f"encoding = {quoted(given_options.encoding)}"]))
    return ", ".join([*parts, f"header = {_flag(header)}"])


def _delimiter(job: Job, options: CsvOptions) -> str:
    """The one that the first line holds most of; a comma if it holds none."""
    first = files_list(job.found.files[:1])
    lines = job.cursor.execute(
        f"SELECT * FROM read_csv({first}, columns = {{'line': 'VARCHAR'}}, delim = chr(0), quote = '', escape = '',"
        f" header = false, auto_detect = false, encoding = {quoted(options.encoding)}) LIMIT 1"
    ).fetchone()
    line = str(lines[0] or "") if lines else ""
    return max(DELIMITERS, key=line.count)


def _has_header(job: Job, options: str) -> bool:
    first = quoted(str(job.found.files[0]))
    row = job.cursor.execute(f"SELECT HasHeader FROM sniff_csv({first}, {options})").fetchone()
    return bool(row and row[0])


def json(job: Job) -> Scan:
    """JSON lines, arrays or objects; numbers and times are read as text and tested value by value, nested ones as JSON."""
    options = f"hive_partitioning = {_flag(job.is_partitioned)}, union_by_name = true"
    sniffed = job.shape(f"read_json({job.patterns}, sample_size = -1, {options})")
    partitions = _partition_keys(job)
    wanted = job.given()
    scalars = [(key, duck) for key, duck in sniffed if key not in wanted and key not in partitions]
    types = infer(job, _json_function(job, {key: "VARCHAR" for key, _ in scalars}, options), scalars, True)
    read: dict[str, str] = {}
    fields: list[Field] = []
    for key, duck in sniffed:
        if key in partitions:
            found = column(key, duck, job.place)
            if isinstance(found, TableColumn):
                fields.append(Field(found, str(duck)))
            continue
        if str(duck) in LISTS_AS_THEY_ARE and key not in wanted:
            found = column(key, duck, job.place)
            read[key] = str(duck)
            if isinstance(found, TableColumn):
                fields.append(Field(found, str(duck)))
            continue
        kind = wanted.get(key) or types[key]
        read[key] = "JSON" if kind is JSON else "VARCHAR"
        fields.append(_text_field(key, kind, job, checked=kind is not JSON, delivered=read[key]))
    return Scan(_json_function(job, read, options), tuple(fields))


def _partition_keys(job: Job) -> frozenset[str]:
    if not job.is_partitioned:
        return frozenset()
    parts = (part for file in job.found.files for part in file.relative_to(job.found.base).parts[:-1])
    return frozenset(part.split("=", 1)[0] for part in parts if "=" in part)


def _json_function(job: Job, columns: dict[str, str], options: str) -> str:
    pairs = ", ".join(f"{quoted(key)}: {quoted(duck)}" for key, duck in columns.items())
    return f"read_json({job.patterns}, columns = {{{pairs}}}, {options})"


def infer(job: Job, text: str, sniffed: list[tuple[str, Any]], nested_as_json: bool) -> dict[str, TextType]:
    """For each column the first candidate whose test every value passes; text where none does."""
    chosen = {
        key: JSON if nested_as_json and (duck.id in NESTED or str(duck) == "JSON") else TEXT for key, duck in sniffed
    }
    tests = [
        (key, candidate) for key, duck in sniffed if str(duck) != "JSON" for candidate in CANDIDATES.get(duck.id, ())
    ]
    if tests:
        terms = ", ".join(
            f"bool_and({candidate.test.replace('{0}', name(key))}) FILTER ({name(key)} IS NOT NULL)"
            for key, candidate in tests
        )
        results = job.cursor.execute(f"SELECT {terms} FROM {text}").fetchone() or ()
        for (key, candidate), passed in reversed(list(zip(tests, results, strict=True))):
            if passed:
                chosen[key] = candidate
    return chosen


def _converted(kind: TextType) -> str:
    """JSON and UUIDs are text for the coordinator."""
    return "{0}" if kind.type.kind in (Kind.JSON, Kind.UUID) else f"CAST({{0}} AS {kind.duck})"


def _text_field(key: str, kind: TextType, job: Job, *, checked: bool, delivered: str) -> Field:
    """A column that is read as text; ``checked``: the reader does not test it, so the reading does."""
    read_as = "{0}::VARCHAR" if delivered == "JSON" else None
    if checked and kind is not TEXT:
        place = Place(job.place.source, job.place.table, key)
        error = place.error(f"is not {kind.type}", f"give the column the type text: columns.{job.found.name}.{key}")
        read_as = f"CASE WHEN {kind.test} THEN {_converted(kind)} WHEN {{0}} IS NOT NULL THEN {error} END"
    shown = TableColumn(key, kind.type, remote_type=kind.duck, read_as=read_as, collation=BYTEWISE)
    return Field(shown, delivered)


READERS = {"parquet": parquet, "csv": csv, "json": json}
