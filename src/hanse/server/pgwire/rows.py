"""Arrow batches as DataRow messages: columns become bytes a column at a time, and one call of Arrow puts all rows together.

Between columns whose values differ in length stand blocks of bytes that are as long in every row: lengths, values of fixed
size, and the head of the message. Joining blocks and columns row by row gives one buffer, which is what goes out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir import types as t
from hanse.parse.copying import CopyOut
from hanse.server.pgwire.binaries import binaries, fixed
from hanse.server.pgwire.copies import lines
from hanse.server.pgwire.payloads import EMPTY, Bytes, content, matrix, of_matrix
from hanse.server.pgwire.texts import texts

CHUNK_BYTES = 1_000_000
"""About as many are encoded at a time: what waits for a slow client stays small."""
BINARY = 1
_NULL = b"\xff\xff\xff\xff"
FEW = 8
"""So few rows are put together one by one, which takes less time than the calls that many need."""
_DATA_ROW, _COPY_DATA = ord("D"), ord("d")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of an answer are sent: its types, each column's format (0 text, 1 binary), the zone of timestamptz."""

    types: tuple[t.Type, ...]
    formats: tuple[int, ...]
    zone: str = "UTC"
    copy: CopyOut | None = None
    """None: as DataRow messages; else as CopyData."""


def data_rows(batch: pa.RecordBatch, layout: Layout) -> Iterator[memoryview]:
    """The messages of a batch, one per row, some thousand in a piece."""
    count = max(1, int(batch.num_rows * CHUNK_BYTES / max(batch.nbytes, 1)))
    copy = layout.copy
    for start in range(0, batch.num_rows, count):
        part = batch.slice(start, count)
        if copy is None or copy.format == "binary":
            encode = _few if part.num_rows <= FEW else _encoded
            yield encode(part, layout, _DATA_ROW if copy is None else _COPY_DATA)
        else:
            yield lines(part, layout.types, layout.zone, copy)


def _few(batch: pa.RecordBatch, layout: Layout, kind: int) -> memoryview:
    """The same for a handful of rows."""
    columns = [
        (binaries(column, type) if format == BINARY else texts(column, type, layout.zone)).to_pylist()
        for column, type, format in zip(batch.columns, layout.types, layout.formats, strict=True)
    ]
    found = bytearray()
    for row in zip(*columns, strict=True) if columns else [()] * batch.num_rows:
        values = b"".join(_NULL if one is None else len(one).to_bytes(4) + one for one in row)
        found += bytes((kind,)) + (len(values) + 6).to_bytes(4) + len(row).to_bytes(2) + values
    return memoryview(bytes(found))


def _encoded(batch: pa.RecordBatch, layout: Layout, kind: int) -> memoryview:
    """Some rows, one after another; a row of a binary COPY is what it is in DataRow."""
    count = batch.num_rows
    head = np.empty((count, 7), np.uint8)
    blocks: list[Bytes] = [head]
    sizes = np.full(count, 6, np.int64)
    columns: list[tuple[list[Bytes], pa.Array | None]] = []
    for column, type, format in zip(batch.columns, layout.types, layout.formats, strict=True):
        values = fixed(column, type) if format == BINARY and not column.null_count else None
        if values is not None:
            width = values.shape[1]
            blocks += [np.broadcast_to(matrix(np.array([width], ">i4")), (count, 4)), values]
            sizes += 4 + width
            continue
        payload = binaries(column, type) if format == BINARY else texts(column, type, layout.zone)
        lengths = _lengths(payload)
        blocks.append(matrix(lengths.astype(">i4")))
        sizes += 4 + np.maximum(lengths, 0)
        columns.append((blocks, payload.fill_null(b"") if payload.null_count else payload))
        blocks = []
    columns.append((blocks, None))
    head[:, 0], head[:, 1:5] = kind, matrix(sizes.astype(">i4"))
    head[:, 5:7] = matrix(np.array([batch.num_columns], ">u2"))
    return _joined(columns)


def _lengths(payload: pa.Array) -> npt.NDArray[np.int64]:
    """Each value's length; -1 for NULL."""
    found = pc.binary_length(payload)
    return np.asarray(found.fill_null(-1) if payload.null_count else found).astype(np.int64)


def _joined(columns: Sequence[tuple[list[Bytes], pa.Array | None]]) -> memoryview:
    """Row by row: what is as long in each, then a value that is not, and so on."""
    parts: list[pa.Array] = []
    for blocks, payload in columns:
        if blocks:
            parts.append(of_matrix(np.concatenate(blocks, axis=1)))
        if payload is not None:
            parts.append(payload)
    whole = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, EMPTY)
    return content(whole)[1]
