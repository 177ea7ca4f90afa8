"""A block of text-protocol rows, cut into Arrow columns without a step per value.

Every value is its length and its bytes; 0xFB is NULL. For one column at a time, all rows at once: read the lengths,
build Arrow string views (16 bytes each: the length, and up to 12 bytes of the value itself or its first 4 and where the
rest is; Arrow's columnar format, "Variable-size Binary View Layout"), and go on where the values end.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hanse.connectors.mysql.wire import Block

NULL_MARK = 0xFB
LENGTH_BYTES = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of length follow the first byte (manual: Protocol::LengthEncodedInteger)."""
INLINE_BYTES = 12
PREFIX_BYTES = 4
PADDING = 16
"""Bytes after the last value, so that any value's first twelve bytes can be read with two wide reads."""

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


def _keep(low: int, high: int) -> Words:
    """For each length from 0 to 12, a mask for those of its bytes that stand in places ``low`` to ``high``."""
    widths = (min(max(length - low, 0), high - low) for length in range(INLINE_BYTES + 1))
    return np.array([(1 << 8 * width) - 1 for width in widths], dtype=np.uint64)


KEEP_FIRST = _keep(0, PREFIX_BYTES)
KEEP_REST = _keep(PREFIX_BYTES, INLINE_BYTES)
HALF = np.uint64(32)


class Cutter:
    """Cuts one block; ``next`` yields the columns from left to right as string or binary views over the block."""

    def __init__(self, block: Block) -> None:
        data = bytes(block.bytes) + b"\0" * PADDING
        self._buffer = pa.py_buffer(data)
        self._bytes = np.frombuffer(data, np.uint8)
        reach = len(data) - 8
        self._words = np.ndarray((reach,), "<u8", data, 0, (1,))
        self._halves = np.ndarray((reach,), "<u4", data, 0, (1,))
        self._place: Integers = np.frombuffer(block.starts, np.int64)
        self.rows = len(block.starts)

    def next(self, type: pa.DataType) -> pa.Array:
        """The next column, as ``pa.string_view()`` or ``pa.binary_view()``."""
        lengths, starts, nulls = self._lengths()
        views = np.empty((self.rows, 2), np.uint64)
        sizes = lengths.astype(np.uint64)
        short = np.minimum(lengths, INLINE_BYTES)
        views[:, 0] = sizes | ((self._halves[starts].astype(np.uint64) & KEEP_FIRST[short]) << HALF)
        rest: Words = self._words[starts + PREFIX_BYTES] & KEEP_REST[short]
        is_long = lengths > INLINE_BYTES
        if is_long.any():
            rest = np.where(is_long, starts.astype(np.uint64) << HALF, rest)
        views[:, 1] = rest
        self._place = starts + lengths
        valid = None if nulls is None else pa.py_buffer(np.packbits(~nulls, bitorder="little"))
        return pa.Array.from_buffers(type, self.rows, [valid, pa.py_buffer(views), self._buffer])

    def _lengths(self) -> tuple[Integers, Integers, npt.NDArray[np.bool_] | None]:
        """The lengths of the next values, where their bytes start, and which are NULL (None: none)."""
        first = self._bytes[self._place]
        lengths, starts = first.astype(np.int64), self._place + 1
        if first.max() < NULL_MARK:
            return lengths, starts, None
        nulls = first == NULL_MARK
        lengths[nulls] = 0
        for mark, width in LENGTH_BYTES.items():
            chosen = np.flatnonzero(first == mark)
            if len(chosen):
                lengths[chosen] = self._integers(starts[chosen], width)
                starts[chosen] += width
        return lengths, starts, nulls if nulls.any() else None

    def _integers(self, places: Integers, width: int) -> Integers:
        found = np.zeros(len(places), np.int64)
        for shift in range(width):
            found |= self._bytes[places + shift].astype(np.int64) << (8 * shift)
        return found
