"""The types that the fuzzer fills tables with: how each kind of source declares them, and values that hurt.

A column is ``tame`` if arithmetic on it stays far from every limit: most are, so that most queries have an answer.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.differential.choices import Choices

KINDS = ("postgres", "mysql", "sqlite", "files", "duckdb")

TEXTS = (
    "a", "A", "á", "a ", "", " ", "b", "ab", "Ab", "a%b", "a_b", "100%", "'", "it's", '"q"', "back\\slash", "tab\there",
    "\u00e9", "e\u0301", "ß", "SS", "ss", "Straße", "ÿ", "Ω", "\U0001f600", "\U0001f600b", "z", "Z", "zz", "line\nbreak", "a\\%", "_", "NULL", "null",
    "10", "9", "-1", "1.0", "x" * 120, "\uff41", "\ufb01", "Ä", "ä", "ae", "true", "2024-02-29", "a'b;--", "{}", "a,b,c",
)  # fmt: skip
INT_EDGES = {
    1: (-128, 127),
    2: (-32768, 32767),
    4: (-(2**31), 2**31 - 1, 2**24 + 1),
    8: (-(2**63), 2**63 - 1, 2**53 + 1, -(2**53) - 1, 2**31),
}
UINT_EDGES = {1: (255, 128), 2: (65535, 32768), 4: (2**32 - 1, 2**31), 8: (2**64 - 1, 2**63, 2**53 + 1)}
FLOATS_TAME = (0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 0.1, 3.14, -0.25, 100.0, 99.99, 1e-3)
FLOATS_WILD = (0.0, -0.0, 1.7976931348623157e308, -1.7e308, 2.2250738585072014e-308, 1e15, 1e16, 123456789.125, 1e-7)
FLOATS_ODD = (math.nan, math.inf, -math.inf)
REALS_WILD = (0.0, -0.0, 3.14, 16777216.0, 16777217.0, 1e10, -1e-10, 3.4028234663852886e38)
DATES_TAME = tuple(
    dt.date.fromisoformat(text)
    for text in (
        "2024-02-29", "2024-02-28", "2023-03-01", "2024-12-31", "2025-01-01", "2024-01-31", "2024-03-31", "1999-12-31",
        "2000-02-29", "1970-01-01", "1969-12-31", "2024-10-27", "2021-01-03", "2020-12-28",
    )
)  # fmt: skip
DATES_WILD = (
    dt.date(1, 1, 1),
    dt.date(9999, 12, 31),
    dt.date(1582, 10, 14),
    dt.date(1582, 10, 15),
    dt.date(1000, 1, 1),
)
TIMES = (dt.time(0), dt.time(23, 59, 59, 999999), dt.time(12, 30), dt.time(2, 30, 0, 1), dt.time(23, 59, 59))
CLOCKS = (dt.time(0), dt.time(2, 30), dt.time(1, 59, 59, 999999), dt.time(23, 59, 59, 1), dt.time(12), dt.time(0, 30))
STAMPS_WILD = (
    dt.datetime(1, 1, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    dt.datetime(1582, 10, 14, 12),
    dt.datetime(1000, 1, 1, 0, 0, 1),
)
INTERVALS = ("1 month", "30 days", "1 day 02:03:04.5", "-1 years -2 months", "00:00:00", "24:00:00", "1 year 3 days")
UUIDS = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "7f000000-0000-0000-0000-000000000001",
    "80000000-0000-0000-0000-000000000001",
)
JSONS = (
    '{"a": 1, "b": [1, 2, 3]}',
    "{}",
    "[]",
    '{"a": null}',
    '{"a": "x\\u00e9", "b": {"c": true}}',
    "null",
    '"s"',
    "12",
)
LABELS = ("red", "Green", "blue", "a b")
BLOBS = (b"", b"\x00", b"a", b"a\x00b", b"\xff\xfe", b"\\x41", b"A")
Maker = Callable[[Choices, bool], Any]


@dataclass(frozen=True)
class Family:
    """One type: its name and group here, its declarations per kind of source, and how to make a value."""

    name: str
    group: str
    """What the grammar of expressions calls it: int, uint, dec, float, text ..."""
    arrow: pa.DataType
    oracle: str
    """Its declaration in the PostgreSQL that holds everything."""
    declared: dict[str, tuple[str, ...]]
    value: Maker
    odd: tuple[Any, ...] = ()
    """Values that MySQL and SQLite cannot hold."""


def _one_of(tame: Sequence[Any], wild: Sequence[Any] = ()) -> Maker:
    return lambda c, is_tame: c.pick(tame if is_tame or not wild else (*tame, *wild, *wild))


def _number(edges: Sequence[int], low: int) -> Maker:
    def make(c: Choices, tame: bool) -> int:
        return (
            c.pick(edges)
            if not tame and c.chance(50)
            else c.pick((0, 1, 2, 3, 5, 10, 42, 99, *((-1, -7) if low else ())))
        )

    return make


def _decimals(scale: int, digits: int) -> Maker:
    most, least = Decimal((0, (9,) * digits, -scale)), Decimal((1, (*(9,) * (digits - 1), 8), -scale))
    tame = tuple(
        Decimal(text) for text in ("0", "1", "-1", "0.5", "1.5", "2.5", "-2.5", "12.34", "99.99", "0.1", "-0.01")
    )
    kept = tuple(one.quantize(Decimal(1).scaleb(-scale)) for one in tame if -one.as_tuple().exponent <= scale)  # type: ignore[operator]
    return _one_of(kept, (most, least))


def _stamps(zone: dt.tzinfo | None) -> Maker:
    def make(c: Choices, tame: bool) -> dt.datetime:
        if not tame and c.chance(30):
            return c.pick(STAMPS_WILD).replace(tzinfo=zone)
        return dt.datetime.combine(c.pick(DATES_TAME), c.pick(CLOCKS), zone)

    return make


def _reals() -> Maker:
    values = tuple(struct.unpack("f", struct.pack("f", one))[0] for one in REALS_WILD)
    return _one_of((0.0, 1.0, -1.0, 0.5, 2.5, -0.25, 100.0), values)


def _lists(items: Sequence[Any]) -> Maker:
    return lambda c, _: [c.pick((*items, None)) for _ in range(c.below(4))]


def _all(name: str, **other: str) -> dict[str, tuple[str, ...]]:
    """The same declaration for the four databases, but for those given."""
    merged = dict.fromkeys(KINDS, name) | other
    return {kind: tuple(text.split("|")) for kind, text in merged.items() if text}


TEXT_DECLARED = _all(
    "TEXT",
    postgres='text|varchar(200)|text COLLATE "C"|char(130)|text COLLATE "en-x-icu"',
    mysql="varchar(200)|text|varchar(200) COLLATE utf8mb4_bin|varchar(150) COLLATE utf8mb4_unicode_ci|char(130)"
    "|varchar(130) COLLATE utf8mb4_nopad_bin",
    sqlite="TEXT|VARCHAR(200)|TEXT COLLATE NOCASE",
    duckdb="VARCHAR",
)
_WHOLE = ((2, "smallint"), (4, "integer"), (8, "bigint"))
FAMILIES = (
    *(
        Family(f"int{w}", "int", {2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[w], name,
               _all(name, **({} if w == 8 else {"sqlite": ""})), _number(INT_EDGES[w], -1))
        for w, name in _WHOLE
    ),
    Family("text", "text", pa.string(), "text", TEXT_DECLARED, _one_of(TEXTS)),
    Family("dec2", "dec", pa.decimal128(12, 2), "numeric(12,2)", _all("decimal(12,2)", sqlite=""), _decimals(2, 12)),
    Family("dec6", "dec", pa.decimal128(30, 6), "numeric(30,6)", _all("decimal(30,6)", sqlite=""), _decimals(6, 30)),
    # Eight digits are left of 38 for the fraction of what it is put together with: PostgreSQL has no such limit, Hanse says it.
    Family("dec38", "dec", pa.decimal128(38, 0), "numeric(38,0)", _all("decimal(38,0)", sqlite=""), _decimals(0, 30)),
    Family("f8", "float", pa.float64(), "double precision", _all("double precision", duckdb="DOUBLE", sqlite="REAL"),
           _one_of(FLOATS_TAME, FLOATS_WILD), FLOATS_ODD),
    Family("f4", "real", pa.float32(), "real", _all("real", mysql="float", sqlite=""), _reals(), FLOATS_ODD),
    Family("bool", "bool", pa.bool_(), "boolean", _all("boolean", mysql="bit(1)", sqlite="BOOLEAN"), _one_of((False, True))),
    Family("date", "date", pa.date32(), "date", _all("date", sqlite="DATE"), _one_of(DATES_TAME, DATES_WILD)),
    Family("time", "time", pa.time64("us"), "time", _all("time", mysql="time(6)", sqlite=""), _one_of(TIMES)),
    Family("ts", "ts", pa.timestamp("us"), "timestamp", _all("timestamp", mysql="datetime(6)", sqlite=""), _stamps(None)),
    Family("tstz", "tstz", pa.timestamp("us", tz="UTC"), "timestamptz", _all("timestamptz", mysql="", sqlite=""), _stamps(dt.UTC)),
    Family("bytes", "bytes", pa.binary(), "bytea", _all("bytea", mysql="varbinary(50)|blob", sqlite="BLOB", duckdb="BLOB"),
           _one_of(BLOBS)),
    Family("uuid", "uuid", pa.string(), "uuid", _all("uuid", mysql="", sqlite="", files=""), _one_of(UUIDS)),
    Family("interval", "interval", pa.string(), "interval", _all("interval", mysql="", sqlite="", files=""), _one_of(INTERVALS)),
    Family("json", "json", pa.string(), "json", _all("json", sqlite="", files=""), _one_of(JSONS)),
    Family("enum", "enum", pa.string(), "text", _all("hue", mysql="enum('red','Green','blue','a b')", sqlite="", files=""),
           _one_of(LABELS)),
    Family("ints", "array", pa.list_(pa.int32()), "integer[]", _all("integer[]", mysql="", sqlite=""), _lists((1, 2, 3, -5))),
    Family("int1", "int", pa.int8(), "smallint", {"mysql": ("tinyint",), "duckdb": ("TINYINT",), "files": ("",)},
           _number(INT_EDGES[1], -1)),
    *(
        Family(f"uint{w}", "uint", {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}[w], pg,
               {"mysql": (my,), "duckdb": (duck,), "files": ("",)}, _number(UINT_EDGES[w], 0))
        for w, pg, my, duck in (
            (1, "integer", "tinyint unsigned", "UTINYINT"), (2, "integer", "smallint unsigned", "USMALLINT"),
            (4, "bigint", "int unsigned", "UINTEGER"), (8, "numeric(20,0)", "bigint unsigned", "UBIGINT"),
        )
    ),
)  # fmt: skip
