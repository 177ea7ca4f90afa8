"""Writes an answer: as a table for people, or as CSV, JSON, Arrow or Parquet for programs. All of them stream."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from hanse.cli import cells
from hanse.errors import UserError
from hanse.execute.result import ResultStream

FORMATS = ("table", "csv", "json", "arrow", "parquet")
SUFFIXES = {".csv": "csv", ".json": "json", ".arrow": "arrow", ".parquet": "parquet"}
WIDTH_ROWS = 1000
"""Rows that are looked at before the widths of a table's columns are fixed."""
CELL_WIDTH_MAX = 80


def format_for(chosen: str | None, output: str | None) -> str:
    """The format asked for, or the one that the file's name says, or a table."""
    if chosen:
        return chosen
    return SUFFIXES.get(Path(output).suffix.lower(), "table") if output else "table"


def write(result: ResultStream, format: str, output: str | None) -> None:
    """Write the whole answer; raises UserError where binary data would go to a terminal."""
    if format in ("arrow", "parquet") and output is None and sys.stdout.isatty():
        raise UserError(f"{format} is binary", hint="give a file with -o, or a pipe")
    writers: dict[str, Callable[[ResultStream, IO[bytes]], None]] = {
        "table": _table,
        "csv": _csv,
        "json": _json,
        "arrow": _arrow,
        "parquet": _parquet,
    }
    with _sink(output) as sink:
        writers[format](result, sink)


@contextmanager
def _sink(output: str | None) -> Iterator[IO[bytes]]:
    if output is None or output == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)  # a failed query leaves no half-written answer under the name that was asked for
    finally:
        part.unlink(missing_ok=True)


def _rows(result: ResultStream) -> Iterator[tuple[Any, ...]]:
    for batch in result:
        columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)


def _table(result: ResultStream, sink: IO[bytes]) -> None:
    if not result.schema.names:
        for _ in result:
            pass
        return
    rows = _rows(result)
    first = [row for _, row in zip(range(WIDTH_ROWS), rows, strict=False)]
    shown = [[_cell(value) for value in row] for row in first]
    names = result.schema.names
    widths = [min(CELL_WIDTH_MAX, max(len(name), *(len(row[i]) for row in shown), 1)) for i, name in enumerate(names)]
    right = [_is_number(field.type) for field in result.schema]
    sink.write(
        (" | ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip() + "\n").encode()
    )
    sink.write(("-+-".join("-" * width for width in widths) + "\n").encode())
    count = 0
    for cells_of_row in shown:
        count += 1
        sink.write(_line(cells_of_row, widths, right))
    for row in rows:
        count += 1
        sink.write(_line([_cell(value) for value in row], widths, right))
    sink.write(f"({count} row{'' if count == 1 else 's'})\n".encode())


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    return cells.text(value).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _line(row: list[str], widths: list[int], right: list[bool]) -> bytes:
    parts = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(row, widths, right, strict=True)
    ]
    return (" | ".join(parts).rstrip() + "\n").encode()


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def _csv(result: ResultStream, sink: IO[bytes]) -> None:
    schema = pa.schema([pa.field(field.name, _csv_type(field.type)) for field in result.schema])
    with pa.csv.CSVWriter(sink, schema, write_options=pa.csv.WriteOptions(quoting_style="needed")) as writer:
        for batch in result:
            arrays = [_csv_array(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _csv_type(type: pa.DataType) -> pa.DataType:
    plain = pa.types.is_integer(type) or pa.types.is_boolean(type) or pa.types.is_string(type) or pa.types.is_date(type)
    return type if plain else pa.string()


def _csv_array(column: pa.Array, type: pa.DataType) -> pa.Array:
    if column.type == type:
        return column
    if pa.types.is_decimal(column.type):
        return column.cast(pa.string())
    return pa.array([None if value is None else cells.text(value) for value in column.to_pylist()], pa.string())


def _json(result: ResultStream, sink: IO[bytes]) -> None:
    names = [cells.json_value(name) for name in result.schema.names]
    before = "["
    for row in _rows(result):
        pairs = (f"{name}: {cells.json_value(value)}" for name, value in zip(names, row, strict=True))
        sink.write(f"{before}\n{{{', '.join(pairs)}}}".encode())
        before = ","
    sink.write(b"[]\n" if before == "[" else b"\n]\n")


def _arrow(result: ResultStream, sink: IO[bytes]) -> None:
    with pa.ipc.new_stream(sink, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def _parquet(result: ResultStream, sink: IO[bytes]) -> None:
    with pa.parquet.ParquetWriter(sink, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def warn(line: str) -> None:
    """A line for the person, on stderr."""
    click.echo(line, err=True)
