"""Values of every type, the extreme ones too, arrive as they are stored; what cannot arrive is an error that says where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hanse.errors import InvalidValue
from hanse.ir import types as t
from hanse.testing.contract import ConnectorContract

pytestmark = pytest.mark.mysql
Make = Callable[..., ConnectorContract]

D38 = "9" * 38
PLAIN: dict[str, tuple[t.Type, dict[str, Any]]] = {
    "tinyint": (t.INT8, {"-128": -128, "127": 127}),
    "tinyint(1)": (t.INT8, {"2": 2, "0": 0}),
    "tinyint unsigned": (t.UINT8, {"255": 255}),
    "boolean": (t.INT8, {"TRUE": 1}),
    "smallint": (t.INT16, {"-32768": -(2**15), "32767": 2**15 - 1}),
    "smallint unsigned": (t.UINT16, {"65535": 2**16 - 1}),
    "mediumint": (t.INT32, {"-8388608": -(2**23), "8388607": 2**23 - 1}),
    "mediumint unsigned": (t.UINT32, {"16777215": 2**24 - 1}),
    "int": (t.INT32, {"-2147483648": -(2**31), "2147483647": 2**31 - 1}),
    "int(5) zerofill": (t.UINT32, {"42": 42}),
    "int unsigned": (t.UINT32, {"4294967295": 2**32 - 1}),
    "bigint": (t.INT64, {"-9223372036854775808": -(2**63), "9223372036854775807": 2**63 - 1}),
    "bigint unsigned": (t.UINT64, {"0": 0, "18446744073709551615": 2**64 - 1}),
    "float": (
        t.FLOAT32,
        {"3.14": 3.140000104904175, "16777217": 16777216.0, "3.4028234e38": 3.4028234663852886e38},
    ),
    "double": (
        t.FLOAT64,
        {"0.1": 0.1, "5e-324": 5e-324, "-1.7976931348623157e308": -1.7976931348623157e308},
    ),
    "decimal(12,2)": (t.decimal(12, 2), {"-9999999999.99": Decimal("-9999999999.99"), "0.1": Decimal("0.10")}),
    "decimal(38,0)": (t.decimal(38, 0), {D38: Decimal(D38), f"-{D38}": Decimal(f"-{D38}")}),
    "decimal(38,30)": (t.decimal(38, 30), {"-0." + "0" * 29 + "1": Decimal("-1e-30")}),
    "decimal(65,30)": (t.TEXT, {"9" * 35 + ".5": "9" * 35 + ".5" + "0" * 29}),
    "decimal unsigned": (t.decimal(10, 0), {"7": Decimal(7)}),
    "bit": (t.BOOLEAN, {"b'1'": True, "b'0'": False}),
    "bit(13)": (t.TEXT, {"b'1000000000001'": "1000000000001", "b'1'": "0000000000001"}),
    "bit(64)": (t.TEXT, {"18446744073709551615": "1" * 64}),
    "year": (t.INT16, {"1901": 1901, "2155": 2155, "0": 0}),
    "date": (
        t.DATE,
        {"'0001-01-01'": dt.date(1, 1, 1), "'9999-12-31'": dt.date.max, "'1582-10-10'": dt.date(1582, 10, 10)},
    ),
    "datetime": (t.TIMESTAMP, {"'2024-02-29 23:59:59'": dt.datetime(2024, 2, 29, 23, 59, 59)}),
    "datetime(6)": (
        t.TIMESTAMP,
        {
            "'0001-01-01 00:00:00.000001'": dt.datetime(1, 1, 1, 0, 0, 0, 1),
            "'9999-12-31 23:59:59.999999'": dt.datetime.max,
        },
    ),
    "datetime(3)": (t.TIMESTAMP, {"'1969-12-31 23:59:59.999'": dt.datetime(1969, 12, 31, 23, 59, 59, 999000)}),
    "timestamp(6) NULL": (
        t.TIMESTAMPTZ,
        {"'2038-01-19 03:14:07.999999'": dt.datetime(2038, 1, 19, 3, 14, 7, 999999, dt.UTC)},
    ),
    "time": (t.TIME, {"'00:00:00'": dt.time(0), "'23:59:59'": dt.time(23, 59, 59)}),
    "time(6)": (t.TIME, {"'23:59:59.999999'": dt.time(23, 59, 59, 999999), "'00:00:00.000001'": dt.time(0, 0, 0, 1)}),
    "char(5)": (t.TEXT, {"'a  '": "a", "''": "", "'🚢é'": "🚢é"}),
    "varchar(5)": (t.TEXT, {"'a  '": "a  ", "'\\\\\"'": '\\"', "'a\\0b'": "a\0b"}),
    "varchar(20) CHARACTER SET latin1": (t.TEXT, {"'Straße €'": "Straße €"}),
    "varchar(20) CHARACTER SET ucs2": (t.TEXT, {"'Straße'": "Straße"}),
    "tinytext": (t.TEXT, {"'x'": "x"}),
    "longtext": (t.TEXT, {"REPEAT('ab🚢', 100000)": "ab🚢" * 100000}),
    "enum('a','B''s','é,x')": (t.enum(("a", "B's", "é,x")), {"'a'": "a", "'B''s'": "B's", "3": "é,x", "0": ""}),
    "set('x','y','z')": (t.TEXT, {"'z,x'": "x,z", "''": ""}),
    "json": (t.JSON, {'\'{"b": 1.50,  "a":12345678901234567890}\'': '{"b": 1.50,  "a":12345678901234567890}'}),
    "binary(4)": (t.BYTES, {"'a'": b"a\0\0\0"}),
    "varbinary(4)": (t.BYTES, {"X'00FF0A'": b"\0\xff\n", "''": b""}),
    "longblob": (
        t.BYTES,
        {"REPEAT(X'FB', 70000)": b"\xfb" * 70000, "REPEAT('x', 251)": b"x" * 251, "REPEAT('x', 250)": b"x" * 250},
    ),
    "inet4": (t.TEXT, {"'10.0.0.1'": "10.0.0.1"}),
    "inet6": (t.TEXT, {"'::1'": "::1"}),
    "uuid": (t.UUID, {"'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}),
    "point": (t.BYTES, {"POINT(1, 2)": bytes.fromhex("0101000000000000000000f03f0000000000000040")}),
}


def column_of(contract: ConnectorContract, table: str, column: str) -> list[Any]:
    scan = contract.scan(table, "k", column)
    return [value for _, value in sorted(contract.rows(scan))]


@pytest.mark.parametrize("declared", PLAIN)
def test_values_arrive(make: Make, declared: str) -> None:
    type, samples = PLAIN[declared]
    inserts = [f"INSERT INTO v VALUES ({place}, {sql})" for place, sql in enumerate(samples)]
    contract = make(f"CREATE TABLE v (k int, v {declared})", *inserts, "INSERT INTO v VALUES (99, NULL)")
    assert contract.table("v").column("v").type == type
    found = column_of(contract, "v", "v")
    assert [(value.__class__, value) for value in found] == [
        (value.__class__, value) for value in (*samples.values(), None)
    ]


def test_every_length_of_value(make: Make) -> None:
    lengths = [0, 1, 4, 5, 11, 12, 13, 249, 250, 251, 252, 65_535, 65_536, 70_000]
    inserts = [f"INSERT INTO v VALUES ({n}, REPEAT('é', {n}), {n}, REPEAT('x', {n}), NULL)" for n in lengths]
    contract = make("CREATE TABLE v (k int, a longtext, n int, b longblob, z int)", *inserts)
    found = sorted(contract.rows(contract.scan("v")))
    assert found == [(n, "é" * n, n, b"x" * n, None) for n in lengths]


def test_a_value_of_more_than_a_packet(make: Make) -> None:
    sizes = (2**24 - 7, 2**24 - 6, 2**24 - 5, 17_000_000)
    inserts = [f"INSERT INTO v VALUES ({n}, REPEAT('x', {n}))" for n in sizes]
    contract = make(
        "CREATE TABLE v (k int, b longblob)",
        "INSERT INTO v VALUES (0, 'first')",
        *inserts,
        "INSERT INTO v VALUES (99000000, 'last')",
    )
    found = sorted((k, len(b), b[:1]) for k, b in contract.rows(contract.scan("v")))
    assert found == [(0, 5, b"f"), *((n, n, b"x") for n in sizes), (99_000_000, 4, b"l")]


def test_nulls_first_and_empty_results(make: Make) -> None:
    rows = ", ".join(["(NULL, NULL, NULL)"] * 5000 + ["(1, 'x', 0.5)"])
    contract = make(
        "CREATE TABLE v (i int, t text, d decimal(5,2))", f"INSERT INTO v VALUES {rows}", "CREATE TABLE n LIKE v"
    )
    found = contract.rows(contract.scan("v"))
    assert found.count((None, None, None)) == 5000
    assert (1, "x", Decimal("0.50")) in found
    assert contract.rows(contract.scan("n")) == []


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        *(("date", one) for one in ("0000-00-00", "2020-00-01", "2020-01-00")),
        *(("datetime(6)", one) for one in ("0000-00-00", "2020-00-00 01:02:03.5")),
        ("timestamp NULL", "0000-00-00"),
    ],
)
def test_R24_zero_dates(make: Make, declared: str, value: str) -> None:
    setup = (
        f"CREATE TABLE v (k int, v {declared})",
        f"INSERT INTO v VALUES (1, '2020-01-01'), (2, '{value}'), (3, NULL)",
    )
    contract = make(*setup)
    with pytest.raises(InvalidValue, match=r"table hanse_test_\w+\.v, column v: the value '0000|2020-0"):
        column_of(contract, "v", "v")
    lenient = make(*setup, zero_dates="null")
    found = column_of(lenient, "v", "v")
    assert found[0] is not None
    assert found[1:] == [None, None]


@pytest.mark.parametrize("value", ["24:00:00", "-00:00:01", "838:59:59", "-838:59:59"])
def test_R26_times_of_no_day(make: Make, value: str) -> None:
    contract = make("CREATE TABLE v (k int, v time)", f"INSERT INTO v VALUES (1, '12:00:00'), (2, '{value}')")
    with pytest.raises(InvalidValue, match=f"column v: the value '{value}' does not fit into time"):
        column_of(contract, "v", "v")


def test_R28_timestamps_are_instants(make: Make) -> None:
    contract = make(
        "SET time_zone = '+02:00'",
        "CREATE TABLE v (k int, v timestamp NULL, w datetime)",
        "SET time_zone = '+02:00'",
    )
    database = contract.database  # type: ignore[attr-defined]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+02:00'")
        cursor.execute("INSERT INTO v VALUES (1, '2024-07-01 12:00:00', '2024-07-01 12:00:00')")
    found = contract.rows(contract.scan("v"))
    assert found == [(1, dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC), dt.datetime(2024, 7, 1, 12))]


def test_catalog_facts(make: Make) -> None:
    contract = make(
        "CREATE TABLE parent (id int PRIMARY KEY, code varchar(10) UNIQUE COMMENT 'the code', body text, "
        "UNIQUE (body(10))) COMMENT 'people'",
        "INSERT INTO parent VALUES (1, 'a', 'b')",
        "CREATE VIEW seen AS SELECT id, CONCAT(code, '!') AS loud FROM parent",
        "CREATE TABLE `odd``name` (`a b` int, `select` varchar(5000), n varchar(9) COLLATE utf8mb4_nopad_bin)",
        "INSERT INTO `odd``name` VALUES (1, 'x', 'y')",
    )
    parent, odd = contract.table("parent"), contract.table("odd`name")
    assert (parent.primary_key, parent.unique_keys, parent.comment) == (("id",), (("code",),), "people")
    assert (parent.column("code").comment, parent.column("code").nullable, parent.column("id").nullable) == (
        "the code",
        True,
        False,
    )
    assert parent.column("code").collation.bytes_max == 40
    assert parent.column("body").collation.bytes_max is None
    assert parent.details == (("engine", "InnoDB"),)
    assert contract.table("seen").is_view
    assert contract.rows(contract.scan("seen")) == [(1, "a!")]
    assert contract.rows(contract.scan("odd`name")) == [(1, "x", "y")]
    assert odd.column("select").collation.bytes_max is None
    assert odd.column("n").collation.equal_is_bytewise
    assert contract.catalog.default_schema == parent.schema


def test_filters_choose_schemas_and_tables(make: Make) -> None:
    contract = make("CREATE TABLE kept (i int)", "CREATE TABLE left_out (i int)", tables=["k*"])
    assert [table.name for table in contract.catalog.tables] == ["kept"]
    home = contract.catalog.default_schema
    both = make("CREATE TABLE mine (i int)", schemas=["hanse_test_*"])
    assert {home, both.catalog.default_schema} <= {table.schema for table in both.catalog.tables}
