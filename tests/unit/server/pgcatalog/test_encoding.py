"""Values of the catalog on the wire, in text and in binary."""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import pytest

from hanse.server.pgcatalog import Named, encoded
from hanse.server.pgcatalog import types as t

MOMENT = dt.datetime(2000, 1, 1, 0, 0, 1, 500_000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "oid", "text", "binary"),
    [
        (True, t.BOOL, b"t", b"\x01"),
        (-2, t.INT2, b"-2", b"\xff\xfe"),
        (7, t.INT4, b"7", b"\0\0\0\x07"),
        (7, t.INT8, b"7", b"\0\0\0\0\0\0\0\x07"),
        (4_000_000_000, t.OID, b"4000000000", struct.pack(">I", 4_000_000_000)),
        (Named(1259, "pg_class"), t.REGCLASS, b"pg_class", struct.pack(">I", 1259)),
        ("é", t.NAME, "é".encode(), "é".encode()),
        (-1.0, t.FLOAT4, b"-1", struct.pack(">f", -1)),
        (0.1, t.FLOAT8, b"0.1", struct.pack(">d", 0.1)),
        (float("nan"), t.FLOAT8, b"NaN", struct.pack(">d", float("nan"))),
        (MOMENT, t.TIMESTAMPTZ, b"2000-01-01 00:00:01.5+00", struct.pack(">q", 1_500_000)),
        ([1, 3], 22, b"1 3", struct.pack(">iiIiiihih", 1, 0, 21, 2, 0, 2, 1, 2, 3)),
        ([1, None], 1007, b"{1,NULL}", struct.pack(">iiIiiiii", 1, 1, 23, 2, 1, 4, 1, -1)),
        ([], 1009, b"{}", struct.pack(">iiI", 0, 0, 25)),
        (['a"b', "", "NULL", "c d"], 1009, b'{"a\\"b","","NULL","c d"}', None),
        (None, t.TEXT, None, None),
    ],
)
def test_values(value: Any, oid: int, text: bytes | None, binary: bytes | None) -> None:
    assert encoded(value, oid, binary=False) == text
    if binary is not None:
        assert encoded(value, oid, binary=True) == binary
