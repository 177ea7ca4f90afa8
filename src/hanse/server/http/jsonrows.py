"""Rows as JSON, a column at a time. Every reader of JSON gets the values exactly (docs/adr/0022):

integers are numbers up to 2^53 and strings of their digits beyond, which JavaScript would round; numeric is a string; floats
are the shortest number that names them, "NaN", "Infinity" and "-Infinity" strings; all others are strings as PostgreSQL's
``to_json`` writes them, arrays are arrays.
"""

import json
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir import types as t
from hanse.ir.types import Kind
from hanse.server.pgwire.texts import texts

EXACT = 2**53 - 1
"""The largest integer that every reader of JSON holds exactly (RFC 8259, section 6)."""
_QUOTE, _NOTHING, _NULL = pa.scalar('"'), pa.scalar(""), pa.scalar("null")
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_WIDE = frozenset({Kind.INT64, Kind.UINT64})
_PLAIN = t.INTEGERS | {Kind.BOOLEAN}


def rows(batch: pa.RecordBatch, types: Sequence[t.Type], zone: str) -> pa.Array:
    """Each row as the text of an array."""
    if not batch.num_columns:
        return pa.array(["[]"] * batch.num_rows, pa.string())
    columns = [column(one, type, zone) for one, type in zip(batch.columns, types, strict=True)]
    joined = pc.binary_join_element_wise(*columns, ",")
    return pc.binary_join_element_wise("[", joined, "]", "")


def column(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    """Each value as JSON, NULL as ``null``."""
    if isinstance(type, t.Array):
        return _lists(array, type, zone)
    return _WRITERS.get(type.kind, _other)(array, type, zone).fill_null(_NULL)


def _lists(array: pa.Array, type: t.Array, zone: str) -> pa.Array:
    items = column(array.flatten(), type.item, zone)
    lengths = pc.list_value_length(array).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ",")
    found = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(array.is_valid(), found, _NULL)


def _number(array: pa.Array, type: t.Type, zone: str) -> pa.Array:  # noqa: ARG001
    found = array.cast(pa.string())
    if type.kind not in _WIDE:
        return found
    wide = pc.greater(array, pa.scalar(EXACT, array.type))
    if type.kind is Kind.INT64:
        wide = pc.or_(wide, pc.less(array, pa.scalar(-EXACT, array.type)))
    return pc.if_else(wide, _quoted(found), found) if pc.any(wide).as_py() else found


def _float(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    found = texts(array, type, zone).cast(pa.string())
    rare = pc.match_substring_regex(found, "[NI]|^-0$")
    if not pc.any(rare).as_py():
        return found
    found = pc.if_else(pc.equal(found, "-0"), "-0.0", found)
    return pc.if_else(pc.match_substring_regex(found, "[NI]"), _quoted(found), found)


def _other(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    """Values whose text holds nothing that JSON would escape."""
    return _quoted(texts(array, type, zone).cast(pa.string()))


def _bytes(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    return _quoted(pc.replace_substring(texts(array, type, zone).cast(pa.string()), "\\", "\\\\"))


def _moment(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    """With a T between date and time, and minutes in the offset: ISO 8601, which all can read."""
    found = pc.replace_substring(texts(array, type, zone).cast(pa.string()), " ", "T", max_replacements=1)
    if type.kind is Kind.TIMESTAMPTZ:
        found = pc.replace_substring_regex(found, r"([+-]\d\d)( BC)?$", r"\1:00\2")
    return _quoted(found)


def _text(array: pa.Array, type: t.Type, zone: str) -> pa.Array:  # noqa: ARG001
    array = array.cast(pa.string())
    if pc.any(pc.match_substring_regex(array, r'[\x00-\x1f"\\\x7f]')).as_py():
        if pc.any(pc.match_substring_regex(array, r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")).as_py():
            return pa.array([None if one is None else _json(one) for one in array.to_pylist()], pa.string())
        for found, written in _ESCAPES:
            array = pc.replace_substring(array, found, written)
    return _quoted(array)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _quoted(array: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(_QUOTE, array, _QUOTE, _NOTHING)


_WRITERS: dict[Kind, Callable[[pa.Array, t.Type, str], pa.Array]] = {
    **dict.fromkeys(_PLAIN, _number),
    **dict.fromkeys((Kind.FLOAT32, Kind.FLOAT64), _float),
    **dict.fromkeys((Kind.TEXT, Kind.JSON, Kind.ENUM), _text),
    **dict.fromkeys((Kind.TIMESTAMP, Kind.TIMESTAMPTZ), _moment),
    Kind.BYTES: _bytes,
}
"""How each kind is written; what is not here is quoted text."""
