"""Arrow arrays of bytes, as the encoders make them: one value per row, without what goes around it."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
EMPTY = pa.scalar(b"", pa.binary())


def numbers(array: pa.Array, dtype: str) -> npt.NDArray[Any]:
    """The fixed-width values behind an array, as they lie in memory; whatever stands at NULLs."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=len(array) + array.offset)[array.offset :]


def of_matrix(values: Bytes) -> pa.Array:
    """An array of values that all have as many bytes: a row of the matrix each."""
    count, width = values.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32) if width else np.zeros(count + 1, np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    )


def matrix(values: npt.NDArray[Any]) -> Bytes:
    """The bytes of each number, in the order in which they lie in memory, as a row."""
    width = values.dtype.itemsize * math.prod(values.shape[1:])
    found: Bytes = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)
    return found


def content(array: pa.Array) -> tuple[npt.NDArray[np.int32], memoryview]:
    """Of an array of bytes or text: where each value starts (and the last ends), from 0 on, and all of them in one piece."""
    if not len(array):
        return np.zeros(1, np.int32), memoryview(b"")
    _, offsets, data = array.buffers()
    found = np.frombuffer(offsets, np.int32, count=len(array) + array.offset + 1)[array.offset :]
    whole = memoryview(data)[found[0] : found[-1]] if data is not None else memoryview(b"")
    return found - found[0], whole


def nulls_as(array: pa.Array, like: pa.Array) -> pa.Array:
    """The array with NULL wherever the other has it."""
    return pc.if_else(like.is_valid(), array, pa.scalar(None, array.type)) if like.null_count else array
