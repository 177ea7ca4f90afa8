"""The formats of answers, each as a head, rows, and a tail that says that the answer has ended.

An answer that fails after its head never looks whole: its end is not valid in its format, and ``streaming`` then cuts the
connection, so that the message itself is not whole either.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from hanse.errors import HanseError
from hanse.execute.report import Report
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.types import Kind
from hanse.parse.copying import CopyOut
from hanse.server.http import jsonrows
from hanse.server.http.failures import Refused, as_dict
from hanse.server.pgwire.copies import field
from hanse.server.pgwire.texts import texts
from hanse.spi.arrow import schema

_CSV = CopyOut("", 0, "csv", ",", "")
_NEVER_READ = b"\xff\xff\xff\xff\x00\x00\x00\x40"
"""The head of a message of Arrow's of 1 GB, of which nothing follows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a writer must know of an answer."""

    columns: tuple[Column, ...]
    zone: str
    query_id: str

    @classmethod
    def of(cls, columns: tuple[Column, ...], report: Report) -> "Shape":
        """Of an answer that has begun."""
        return cls(columns, report.timezone, report.query_id)

    @property
    def types(self) -> tuple[t.Type, ...]:
        """The columns' types."""
        return tuple(column.type for column in self.columns)

    @property
    def described(self) -> list[dict[str, str]]:
        """The columns for programs."""
        return [{"name": column.name, "type": str(column.type)} for column in self.columns]


class Writer(Protocol):
    """Writes one answer."""

    def head(self) -> bytes:
        """What comes first."""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Some rows."""

    def tail(self, statement: dict[str, Any]) -> bytes:
        """The end of an answer that is whole."""

    def failed(self, error: HanseError) -> bytes:
        """The end of one that is not."""


def dumped(value: Any) -> str:
    """As JSON, of what comes from reports."""
    return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))


class Json:
    """One document."""

    def __init__(self, shape: Shape) -> None:
        """Nothing is written."""
        self._shape = shape
        self._before = "\n"

    def head(self) -> bytes:
        """Columns, and where rows begin."""
        facts = f'"query_id":{dumped(self._shape.query_id)},"columns":{dumped(self._shape.described)}'
        return f'{{{facts},"rows":['.encode()

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Arrays, a line each."""
        before, self._before = self._before, ",\n"
        return before.encode() + _joined(jsonrows.rows(batch, self._shape.types, self._shape.zone), ",\n")

    def tail(self, statement: dict[str, Any]) -> bytes:
        """Where rows end, and the statement."""
        return f"\n],{dumped(statement)[1:]}\n".encode()

    def failed(self, error: HanseError) -> bytes:
        """The failure, in a document that stays open: no parser takes it."""
        return f'\n{{"error":{dumped(as_dict(error))}}}\n'.encode()


class Lines:
    """A line with the columns, a line per row, a line with the statement. Rows are arrays, and nothing else is one."""

    def __init__(self, shape: Shape) -> None:
        """Nothing is written."""
        self._shape = shape

    def head(self) -> bytes:
        """The columns."""
        return f"{dumped({'query_id': self._shape.query_id, 'columns': self._shape.described})}\n".encode()

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Arrays."""
        return _joined(jsonrows.rows(batch, self._shape.types, self._shape.zone), "\n") + b"\n"

    def tail(self, statement: dict[str, Any]) -> bytes:
        """The statement."""
        return f"{dumped(statement)}\n".encode()

    def failed(self, error: HanseError) -> bytes:
        """The failure in its place."""
        return f"{dumped({'error': as_dict(error)})}\n".encode()


class Csv:
    """As COPY writes it, with the columns' names; booleans are words. NULL is nothing, empty text two quotes."""

    def __init__(self, shape: Shape) -> None:
        """Nothing is written."""
        self._shape = shape

    def head(self) -> bytes:
        """The names."""
        names = [field(pa.array([column.name]), t.TEXT, _CSV) for column in self._shape.columns]
        return _csv(names, 1)

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """A line each, unless there are lines within a text."""
        pairs = zip(batch.columns, self._shape.types, strict=True)
        return _csv([field(self._texts(one, type), type, _CSV) for one, type in pairs], batch.num_rows)

    def _texts(self, array: pa.Array, type: t.Type) -> pa.Array:
        return (
            array.cast(pa.string())
            if type.kind is Kind.BOOLEAN
            else texts(array, type, self._shape.zone).cast(pa.string())
        )

    def tail(self, statement: dict[str, Any]) -> bytes:  # noqa: ARG002
        """Nothing: CSV has no place for it."""
        return b""

    def failed(self, error: HanseError) -> bytes:
        """The failure in a quote that never ends."""
        return f'"hanse: the answer is incomplete: {error.code} {error.message.replace(chr(34), chr(39))}'.encode()


class Arrow:
    """Arrow's IPC stream. The statement is the metadata ``hanse`` of a last batch without rows."""

    def __init__(self, shape: Shape) -> None:
        """Nothing is written."""
        self._schema = schema(shape.columns)
        self._sink = _Sink()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, "w"), self._schema)

    def head(self) -> bytes:
        """The schema."""
        return self._sink.taken()

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """A batch."""
        self._writer.write_batch(batch)
        return self._sink.taken()

    def tail(self, statement: dict[str, Any]) -> bytes:
        """The statement, and the mark of the end."""
        last = pa.RecordBatch.from_pylist([], schema=self._schema)
        self._writer.write_batch(last, custom_metadata={"hanse": dumped(statement)})
        self._writer.close()
        return self._sink.taken()

    def failed(self, error: HanseError) -> bytes:  # noqa: ARG002
        """A message that never comes: readers would take the mere absence of the mark for the end."""
        return _NEVER_READ


class _Sink:
    """Keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """What was written can still be taken."""

    def taken(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


def _csv(columns: Sequence[pa.Array], count: int) -> bytes:
    if not columns:
        return b"\n" * count
    lines = pc.binary_join_element_wise(*columns, ",", null_handling="replace", null_replacement="")
    return _joined(lines, "\n") + b"\n"


def _joined(lines: pa.Array, between: str) -> bytes:
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    return bytes(pc.binary_join(whole, between)[0].as_buffer())


WRITERS: dict[str, Callable[[Shape], Writer]] = {
    "application/json": Json,
    "application/x-ndjson": Lines,
    "text/csv": Csv,
    "application/vnd.apache.arrow.stream": Arrow,
}
"""By media type, the default first."""
CONTENT_TYPES = {"text/csv": "text/csv; charset=utf-8; header=present"}


def chosen(accept: str) -> str:
    """The media type that is wanted most of those that there are (RFC 9110, 12.5.1); raises Refused (406)."""
    best, weight = "", 0.0
    for place, one in enumerate(accept.split(",") if accept.strip() else ["*/*"]):
        name, *parameters = [part.strip().lower() for part in one.split(";")]
        quality = next((_quality(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        found = next((media for media in WRITERS if _fits(name, media)), None)
        if found is not None and quality > weight + (1e-9 if place else 0):
            best, weight = found, quality
    if not best:
        raise Refused(406, "no answer can be had in a format of Accept", sqlstate="0A000", hint=", ".join(WRITERS))
    return best


def _fits(pattern: str, media: str) -> bool:
    return pattern in ("*/*", media, f"{media.partition('/')[0]}/*")


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
