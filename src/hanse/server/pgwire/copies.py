"""Rows of COPY ... TO STDOUT as CopyData messages, one per row, as PostgreSQL sends them (manual, "COPY", File Formats).

In the binary format a row is what it is in DataRow; its file has a head, which comes with the first row, and an end.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir import types as t
from hanse.ir.types import Kind
from hanse.parse.copying import CopyOut
from hanse.server.pgwire import messages as m
from hanse.server.pgwire.payloads import EMPTY, content, matrix, of_matrix
from hanse.server.pgwire.texts import texts

BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
BINARY_END = b"\xff\xff"
DONE = b"c\0\0\0\4"
_COPY_DATA = ord("d")
_PLAIN = t.NUMBERS | {Kind.BOOLEAN, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.UUID}
"""What holds neither quotes nor backslashes nor ends of lines, nor any of these:"""
_HARMLESS = "\t,;|"
_ESCAPES = (("\\", "\\\\"), ("\b", "\\b"), ("\f", "\\f"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v"))


def begun(columns: int, is_binary: bool) -> bytes:
    """CopyOutResponse."""
    format = int(is_binary)
    return m.message(b"H", struct.pack(f">bh{columns}h", format, columns, *[format] * columns))


def head(names: Sequence[str], copy: CopyOut) -> bytes:
    """The line of the columns' names."""
    line = pa.record_batch([pa.array([name]) for name in names], names=[str(place) for place in range(len(names))])
    return bytes(lines(line, (t.TEXT,) * len(names), "UTC", copy))


def with_head(messages: Sequence[memoryview]) -> list[bytes | memoryview]:
    """The first rows of the binary format, the head of the file in the message of the first row: clients count on that."""
    if not messages:
        return []
    first = messages[0]
    end = 1 + int.from_bytes(first[1:5])
    return [data(BINARY_HEAD + bytes(first[5:end])), first[end:], *messages[1:]]


def data(payload: bytes) -> bytes:
    """CopyData."""
    return m.message(b"d", payload)


def lines(batch: pa.RecordBatch, types: Sequence[t.Type], zone: str, copy: CopyOut) -> memoryview:
    """Rows as lines of text or CSV."""
    columns = [
        field(texts(column, type, zone).cast(pa.string()), type, copy)
        for column, type in zip(batch.columns, types, strict=True)
    ]
    line = pc.binary_join_element_wise(*columns, pa.scalar(copy.delimiter)).view(pa.binary())
    line = pc.binary_join_element_wise(line, pa.scalar(b"\n", pa.binary()), EMPTY)
    lengths = np.asarray(pc.binary_length(line)).astype(np.int64) + 4
    heads = np.empty((len(line), 5), np.uint8)
    heads[:, 0], heads[:, 1:] = _COPY_DATA, matrix(lengths.astype(">i4"))
    return content(pc.binary_join_element_wise(of_matrix(heads), line, EMPTY))[1]


def field(values: pa.Array, type: t.Type, copy: CopyOut) -> pa.Array:
    """A column's texts as they stand in a line."""
    is_csv = copy.format == "csv"
    if type.kind in _PLAIN and copy.delimiter in _HARMLESS and (not is_csv or not copy.null):
        return values.fill_null(copy.null)
    values = _quoted(values, copy) if is_csv else _escaped(values, copy)
    return values.fill_null(copy.null)


def _escaped(values: pa.Array, copy: CopyOut) -> pa.Array:
    escapes = [*_ESCAPES, *([] if copy.delimiter == "\t" else [(copy.delimiter, f"\\{copy.delimiter}")])]
    if not _any(pc.match_substring_regex(values, _one_of(found for found, _ in escapes))):
        return values
    for found, written in escapes:
        values = pc.replace_substring(values, found, written)
    return values


def _one_of(characters: Iterable[str]) -> str:
    """A regular expression of any of these."""
    return "[" + "".join(f"\\x{ord(c):02x}" for c in characters) + "]"


def _any(found: pa.Array) -> bool:
    return bool(pc.any(found).as_py())


def _quoted(values: pa.Array, copy: CopyOut) -> pa.Array:
    """In quotes where a reader would otherwise take it for something else, NULL among that."""
    special = _one_of((copy.delimiter, copy.quote, "\n", "\r"))
    needs = pc.or_(pc.match_substring_regex(values, special), pc.equal(values, copy.null))
    needs = pc.or_(needs, pc.equal(values, "\\."))
    if not _any(needs):
        return values
    quote = pa.scalar(copy.quote)
    doubled = pc.replace_substring(values, copy.quote, copy.quote * 2)
    return pc.if_else(needs, pc.binary_join_element_wise(quote, doubled, quote, ""), values)
