"""Writes an answer: as a table for people, or as CSV, JSON, Arrow or Parquet for programs. All of them stream.

A file gets its name when it is complete; a query that fails leaves what was there before.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from rich.cells import cell_len

from hanse.errors import Unsupported, UserError
from hanse.execute import cells
from hanse.execute.result import ResultStream

FORMATS = ("table", "csv", "json", "arrow", "parquet")
SUFFIXES = {".csv": "csv", ".json": "json", ".arrow": "arrow", ".arrows": "arrow", ".parquet": "parquet"}
WIDTH_ROWS = 1000
"""Rows that are looked at before the widths of a table's columns are fixed."""
CELL_WIDTH_MAX = 80
COMMA, QUOTE, LINE_END, NOTHING = (pa.scalar(text, pa.large_string()) for text in (",", '"', "\n", ""))
FIRST_DAY = -719_162
"""0001-01-01, counted in days from 1970-01-01."""


def format_for(chosen: str | None, output: str | None) -> str:
    """The format asked for, or the one that the file's name says, or a table."""
    if chosen:
        return chosen
    return SUFFIXES.get(Path(output).suffix.lower(), "table") if output else "table"


def nothing() -> None:
    """Do nothing."""


def write(result: ResultStream, format: str, output: str | None, starts: Callable[[], None] = nothing) -> None:
    """Write the whole answer; raises UserError where binary data would go to a terminal.

    ``starts`` is called before the first byte appears on a terminal, so that nothing else draws there any more.
    """
    is_shown = output in (None, "-") and sys.stdout.isatty()
    if format in ("arrow", "parquet") and is_shown:
        raise UserError(f"{format} is binary", hint="give a file with -o, or a pipe")
    writers: dict[str, Callable[[ResultStream, IO[bytes]], None]] = {
        "table": _table,
        "csv": _csv,
        "json": _json,
        "arrow": _arrow_file if output and Path(output).suffix.lower() == ".arrow" else _arrow,
        "parquet": _parquet,
    }
    with _sink(output) as sink:
        writers[format](result, _Announced(sink, starts) if is_shown else sink)  # type: ignore[arg-type]


class _Announced:
    """A terminal that says when the first bytes come."""

    def __init__(self, sink: IO[bytes], starts: Callable[[], None]) -> None:
        self._sink = sink
        self._starts: Callable[[], None] | None = starts

    def write(self, data: bytes) -> int:
        if self._starts is not None:
            self._starts()
            self._starts = None
        return self._sink.write(data)


@contextmanager
def _sink(output: str | None) -> Iterator[IO[bytes]]:
    if output is None or output == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output).resolve()  # a link stays, its target gets the answer
    if path.exists() and not path.is_file():  # a device or a named pipe is written to, never replaced
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = part.open("wb")
    except OSError as failure:
        raise UserError(f"cannot write {output}: {failure.strerror}", sqlstate="58030") from None
    try:
        with file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _rows(result: ResultStream) -> Iterator[tuple[Any, ...]]:
    zone = result.report.timezone
    for batch in result:
        columns = [cells.values(column, zone) for column in batch.columns]
        yield from zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)


def _table(result: ResultStream, sink: IO[bytes]) -> None:
    names = [cells.shown(name) for name in result.schema.names]
    if not names:
        for _ in result:
            pass
        return
    rows = ([cells.shown(value) for value in row] for row in _rows(result))
    first = [row for _, row in zip(range(WIDTH_ROWS), rows, strict=False)]
    widths = [
        min(CELL_WIDTH_MAX, max(cell_len(name), *(cell_len(row[i]) for row in first), 1))
        for i, name in enumerate(names)
    ]
    right = [_is_number(field.type) for field in result.schema]
    sink.write(_line(names, widths, [False] * len(names)))
    sink.write(("-+-".join("-" * width for width in widths) + "\n").encode())
    count = 0
    for part in (first, rows):
        for row in part:
            count += 1
            sink.write(_line(row, widths, right))
    sink.write(f"({count} row{'' if count == 1 else 's'})\n".encode())


def _line(row: list[str], widths: list[int], right: list[bool]) -> bytes:
    parts = [_padded(cell, width, is_right) for cell, width, is_right in zip(row, widths, right, strict=True)]
    return (" | ".join(parts).rstrip() + "\n").encode()


def _padded(cell: str, width: int, is_right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if is_right else cell + space


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def _csv(result: ResultStream, sink: IO[bytes]) -> None:
    """As PostgreSQL's COPY writes it: quotes only where needed, NULL is nothing, empty text is two quotes."""
    zone = result.report.timezone
    names = [pa.array([name], pa.large_string()) for name in result.schema.names]
    sink.write(_csv_lines([_quoted(name) for name in names], 1))
    for batch in result:
        sink.write(_csv_lines([_csv_array(column, zone) for column in batch.columns], batch.num_rows))


def _csv_lines(columns: list[pa.Array], rows: int) -> bytes:
    if not columns or not rows:
        return b""
    lines = pc.binary_join_element_wise(*columns, COMMA, null_handling="replace", null_replacement="")
    ended = pc.binary_join_element_wise(lines, NOTHING, LINE_END)
    whole = pa.LargeListArray.from_arrays(pa.array([0, rows], pa.int64()), ended)
    return bytes(pc.binary_join(whole, NOTHING)[0].as_buffer())


def _csv_array(column: pa.Array, zone: str) -> pa.Array:
    type = column.type
    if pa.types.is_string(type):
        return _quoted(column.cast(pa.large_string()))
    is_plain = pa.types.is_integer(type) or pa.types.is_boolean(type)
    if is_plain or (pa.types.is_date32(type) and _are_usual_days(column)):
        return column.cast(pa.large_string())
    found = [None if value is None else cells.text(value) for value in cells.values(column, zone)]
    return _quoted(pa.array(found, pa.large_string()))


def _are_usual_days(column: pa.Array) -> bool:
    first = pc.min(column.cast(pa.int32())).as_py()
    return first is None or first >= FIRST_DAY


def _quoted(column: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(column, r'[",\r\n]|^$|^\\\.$|^\s|\s$')
    if not pc.any(needs).as_py():
        return column
    quoted = pc.binary_join_element_wise(QUOTE, pc.replace_substring(column, '"', '""'), QUOTE, NOTHING)
    return pc.if_else(needs, quoted, column)


def _json(result: ResultStream, sink: IO[bytes]) -> None:
    names = [cells.json_value(name) for name in distinct(result.schema.names)]
    before = "["
    for row in _rows(result):
        pairs = (f"{name}: {cells.json_value(value)}" for name, value in zip(names, row, strict=True))
        sink.write(f"{before}\n{{{', '.join(pairs)}}}".encode())
        before = ","
    sink.write(b"[]\n" if before == "[" else b"\n]\n")


def distinct(names: list[str]) -> list[str]:
    """The names, a repeated one as ``name_2`` and so on: of two equal keys, readers of JSON keep one."""
    given: list[str] = []
    for name in names:
        count, fresh = 1, name
        while fresh in given or (count > 1 and fresh in names):
            count += 1
            fresh = f"{name}_{count}"
        given.append(fresh)
    return given


def _arrow(result: ResultStream, sink: IO[bytes]) -> None:
    with pa.ipc.new_stream(sink, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def _arrow_file(result: ResultStream, sink: IO[bytes]) -> None:
    with pa.ipc.new_file(sink, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def _parquet(result: ResultStream, sink: IO[bytes]) -> None:
    for field in result.schema:
        if _holds_interval(field.type):
            raise Unsupported(f"Parquet cannot hold the interval {field.name}", hint=f'write "{field.name}"::text')
    # its imports take as long as those of a whole command, and few answers become Parquet
    with importlib.import_module("pyarrow.parquet").ParquetWriter(sink, result.schema) as writer:
        for batch in result:
            writer.write_batch(batch)


def _holds_interval(type: pa.DataType) -> bool:
    return _holds_interval(type.value_type) if pa.types.is_list(type) else pa.types.is_interval(type)


def warn(line: str) -> None:
    """A line for the person, on stderr."""
    click.echo(line, err=True)
