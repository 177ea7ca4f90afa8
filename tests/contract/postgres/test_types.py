"""Values of every type, the extreme ones too, arrive as they are stored."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from hanse.errors import InvalidValue
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import types as t
from hanse.testing.contract import ConnectorContract

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]

PLAIN: dict[str, tuple[t.Type, dict[str, Any]]] = {
    "boolean": (t.BOOLEAN, {"true": True, "false": False}),
    "smallint": (t.INT16, {"-32768": -(2**15), "32767": 2**15 - 1}),
    "integer": (t.INT32, {"-2147483648": -(2**31), "2147483647": 2**31 - 1}),
    "bigint": (t.INT64, {"-9223372036854775808": -(2**63), "9223372036854775807": 2**63 - 1}),
    "oid": (t.INT64, {"4294967295": 2**32 - 1}),
    "real": (t.FLOAT32, {"1.5": 1.5, "-Infinity": -math.inf, "3.4028235e38": 3.4028234663852886e38}),
    "double precision": (t.FLOAT64, {"0.1": 0.1, "Infinity": math.inf, "5e-324": 5e-324, "-0": -0.0}),
    "numeric(12,2)": (t.decimal(12, 2), {"-9999999999.99": Decimal("-9999999999.99"), "0.1": Decimal("0.10")}),
    "numeric(38,0)": (t.decimal(38, 0), {"9" * 38: Decimal("9" * 38), "-" + "9" * 38: Decimal("-" + "9" * 38)}),
    "numeric(38,38)": (t.decimal(38, 38), {"0." + "1" * 38: Decimal("0." + "1" * 38)}),
    "numeric(3,-2)": (t.decimal(5, 0), {"12345": Decimal(12300), "-99900": Decimal(-99900)}),
    "numeric(2,4)": (t.decimal(4, 4), {"0.0099": Decimal("0.0099")}),
    "numeric(39,2)": (t.TEXT, {"9" * 37 + ".5": "9" * 37 + ".50", "NaN": "NaN"}),
    "numeric": (t.decimal(38, 18), {"1.5": Decimal("1.5"), "-0.000000000000000001": Decimal("-1e-18")}),
    "text": (t.TEXT, {"": "", 'a\\b"c': 'a\\b"c', "Straße 🚢": "Straße 🚢", "x ": "x "}),
    "varchar(3)": (t.TEXT, {"a ": "a "}),
    "char(3)": (t.TEXT, {"a": "a", "": "", "ab ": "ab"}),
    '"char"': (t.TEXT, {"z": "z"}),
    "name": (t.TEXT, {"Some": "Some"}),
    "bytea": (t.BYTES, {"\\x00ff": b"\x00\xff", "": b""}),
    "date": (
        t.DATE,
        {"0001-01-01": dt.date(1, 1, 1), "9999-12-31": dt.date(9999, 12, 31), "1582-10-10": dt.date(1582, 10, 10)},
    ),
    "time": (t.TIME, {"00:00": dt.time(0), "23:59:59.999999": dt.time(23, 59, 59, 999999)}),
    "timestamp": (
        t.TIMESTAMP,
        {"0001-01-01 00:00": dt.datetime(1, 1, 1), "9999-12-31 23:59:59.999999": dt.datetime.max},
    ),
    "timestamptz": (t.TIMESTAMPTZ, {"2024-07-01 12:00+02": dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)}),
    "timetz": (t.TEXT, {"12:00:00+02": "12:00:00+02"}),
    "uuid": (t.UUID, {"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}),
    "json": (t.JSON, {'{"b": 1.50,  "a":12345678901234567890}': '{"b": 1.50,  "a":12345678901234567890}'}),
    "jsonb": (t.JSON, {'{"b": 12345678901234567890.10,"a":1}': '{"a": 1, "b": 12345678901234567890.10}'}),
    "inet": (t.TEXT, {"10.0.0.1": "10.0.0.1"}),
    "cidr": (t.TEXT, {"10.0.0.0/8": "10.0.0.0/8"}),
    "macaddr": (t.TEXT, {"08:00:2b:01:02:03": "08:00:2b:01:02:03"}),
    "money": (t.TEXT, {"-12.34": "-$12.34"}),
    "bit(3)": (t.TEXT, {"101": "101"}),
    "varbit": (t.TEXT, {"": "", "10": "10"}),
    "xml": (t.TEXT, {"<a/>": "<a/>"}),
    "tsvector": (t.TEXT, {"b a": "'a' 'b'"}),
    "int4range": (t.TEXT, {"[1,5]": "[1,6)"}),
    "point": (t.TEXT, {"(1,2)": "(1,2)"}),
    "integer[]": (t.array(t.INT32), {"{1,NULL,3}": [1, None, 3], "{}": []}),
    "text[]": (t.array(t.TEXT), {'{a,"b c",NULL}': ["a", "b c", None]}),
    "numeric(5,2)[]": (t.array(t.decimal(5, 2)), {"{1.5,NULL}": [Decimal("1.50"), None]}),
    "uuid[]": (t.array(t.UUID), {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}),
    "date[]": (t.array(t.DATE), {"{2020-01-01}": [dt.date(2020, 1, 1)]}),
    "varchar(3)[]": (t.array(t.TEXT), {"{a,NULL}": ["a", None]}),
    "oid[]": (t.array(t.INT64), {"{4294967295}": [2**32 - 1]}),
    "jsonb[]": (t.array(t.JSON), {'{"{\\"a\\":1}"}': ['{"a": 1}']}),
    "char(3)[]": (t.array(t.TEXT), {"{a,ab}": ["a", "ab"]}),
    "inet[]": (t.array(t.TEXT), {"{10.0.0.1}": ["10.0.0.1"]}),
    "integer[][]": (t.TEXT, {"{{1,2},{3,4}}": "{{1,2},{3,4}}"}),
}


@pytest.mark.parametrize("declared", PLAIN)
def test_type(make: Make, declared: str) -> None:
    type, values = PLAIN[declared]
    texts = ", ".join("(" + (f"{place}, '" + text.replace("'", "''") + "'") + ")" for place, text in enumerate(values))
    contract = make(f"CREATE TABLE v (i int, v {declared})", f"INSERT INTO v VALUES {texts}, (99, NULL)")
    column = contract.table("v").column("v")
    assert column.type == type
    found = dict(contract.rows(contract.scan("v")))
    expected = [*values.values(), None]
    assert [found[key] for key in sorted(found)] == expected
    for value, wanted in zip((found[key] for key in sorted(found)), expected, strict=True):
        assert not isinstance(wanted, float) or math.copysign(1, value) == math.copysign(1, wanted)


def test_inet_keeps_its_text(make: Make) -> None:
    contract = make("CREATE TABLE v (v inet)", "INSERT INTO v VALUES ('10.0.0.1/24')")
    assert contract.rows(contract.scan("v")) == [("10.0.0.1/24",)]


def test_nan(make: Make) -> None:
    contract = make("CREATE TABLE v (v float8, w real)", "INSERT INTO v VALUES ('NaN', 'NaN')")
    row = contract.rows(contract.scan("v"))[0]
    assert math.isnan(row[0]) and math.isnan(row[1])


def test_years_beyond_python(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (d date, s timestamp)",
        "INSERT INTO v VALUES ('4714-11-24 BC', '4714-11-24 00:00 BC'), ('5874897-12-31', '294246-12-31 23:59:59.999999')",
    )
    table = contract.read(contract.scan("v"))
    assert table.column(0).cast(pa.int32()).to_pylist() == [-2440588, 2145042904 + 1]
    assert table.column(1).cast(pa.int64()).to_pylist() == [-2440588 * 86_400_000_000, 9223371244799999999]


def test_intervals(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (v interval)", "INSERT INTO v VALUES ('-1 mon 40 days -00:00:00.000001'), ('178000000 years')"
    )
    found = contract.rows(contract.scan("v"))
    assert found[0][0] == pa.MonthDayNano([-1, 40, -1000])
    assert found[1][0].months == 178_000_000 * 12


def test_interval_beyond_the_carrier(make: Make) -> None:
    contract = make("CREATE TABLE v (v interval)", "INSERT INTO v VALUES ('10000000 hours')")
    with pytest.raises(InvalidValue, match=r"column v of shop\.s\d+_\d\.v .*292 years.*10000000:00:00"):
        contract.rows(contract.scan("v"))


def test_enums_are_text(make: Make) -> None:
    contract = make(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'Ok')",
        "CREATE TABLE v (v mood, a mood[])",
        "INSERT INTO v VALUES ('sad', '{ok,NULL}')",
    )
    assert contract.table("v").column("v").type == t.enum(("sad", "ok", "Ok"))
    assert contract.rows(contract.scan("v")) == [("sad", ["ok", None])]


def test_domains_are_their_base(make: Make) -> None:
    contract = make(
        "CREATE DOMAIN price AS numeric(9,3) CHECK (VALUE > 0)",
        "CREATE DOMAIN cheap AS price",
        "CREATE DOMAIN pair AS int[]",
        "CREATE TABLE v (v cheap, p pair, a price[])",
        "INSERT INTO v VALUES (1.5, '{1,2}', '{2.5}')",
    )
    table = contract.table("v")
    assert [column.type for column in table.columns] == [t.decimal(9, 3), t.array(t.INT32), t.array(t.decimal(9, 3))]
    assert table.columns[0].remote_type.endswith("cheap")
    assert contract.rows(contract.scan("v")) == [(Decimal("1.500"), [1, 2], [Decimal("2.500")])]


def test_composites_are_text(make: Make) -> None:
    contract = make(
        "CREATE TYPE pair AS (a int, b text)", "CREATE TABLE v (v pair)", "INSERT INTO v VALUES (ROW(1, 'x y'))"
    )
    assert contract.rows(contract.scan("v")) == [('(1,"x y")',)]


@pytest.mark.parametrize("odd", ["{{1,2},{3,4}}", "[0:1]={1,2}"])
def test_odd_arrays_are_errors(make: Make, odd: str) -> None:
    contract = make("CREATE TABLE v (v int[])", f"INSERT INTO v VALUES ('{odd}')")
    with pytest.raises(InvalidValue, match=r"column v of .* no plain list"):
        contract.rows(contract.scan("v"))


@pytest.mark.parametrize("value", ["NaN", "1e21", "0.0000000000000000001"])
def test_number_that_does_not_fit(make: Make, value: str) -> None:
    contract = make("CREATE TABLE v (v numeric)", f"INSERT INTO v VALUES (1), ({value!r})")
    with pytest.raises(InvalidValue) as failure:
        contract.rows(contract.scan("v"))
    assert failure.value.source == "shop"
    assert "column v of shop.s" in failure.value.message


def test_numeric_options(make: Make) -> None:
    values = ("CREATE TABLE v (v numeric)", "INSERT INTO v VALUES ('NaN'), (1.50)")
    as_text = make(*values, numeric="text")
    assert as_text.rows(as_text.scan("v")) == [("NaN",), ("1.50",)]
    narrow = make("CREATE TABLE v (v numeric)", "INSERT INTO v VALUES (1.500)", numeric="decimal(10,2)")
    assert narrow.table("v").column("v").type == t.decimal(10, 2)
    assert narrow.rows(narrow.scan("v")) == [(Decimal("1.50"),)]


def test_generated_and_identity_columns(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (i int GENERATED ALWAYS AS IDENTITY, j int GENERATED ALWAYS AS (i * 2) STORED)",
        "INSERT INTO v DEFAULT VALUES",
    )
    assert contract.rows(contract.scan("v")) == [(1, 2)]


def test_alike_types_mix(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (j json, b jsonb, t text[], c varchar[])",
        """INSERT INTO v VALUES ('{"a":  1}', '{"a":  1}', '{x}', '{y}')""",
    )
    scan = contract.scan("v")
    j, b, x, y = (column.ref() for column in scan.columns)
    made = [e.Call(t.JSON, "coalesce", (b, j)), e.Call(x.type, "coalesce", (y, x)), e.Case(t.JSON, ((e.TRUE, b),), j)]
    project = p.Project(scan, tuple((contract.column("v", node.type), node) for node in made))
    assert contract.rows(project) == [('{"a": 1}', ["y"], '{"a": 1}')]
