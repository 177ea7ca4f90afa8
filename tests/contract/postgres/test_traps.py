"""The traps of federation that concern PostgreSQL, by their numbers in the survey of other engines' bugs."""

from __future__ import annotations

import datetime as dt
import itertools
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
from hanse.ir.expr import Call, Literal
from hanse.ir.tables import Verdict
from hanse.testing.contract import ConnectorContract
from tests.contract.postgres.samples import at, d, day, f, i, r, x
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
B = t.BOOLEAN
LOOSE = "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
WORDS = ["a", "A", "á", "b", "B", "a ", "", "z", "ä", "Z"]
FILL = "INSERT INTO w VALUES " + ", ".join(f"('{word}')" for word in WORDS)
COLUMNS = {
    "default": ("CREATE TABLE w (v text)",),
    "ignoring case": (LOOSE, "CREATE TABLE w (v text COLLATE loose)"),
    "code points": ('CREATE TABLE w (v text COLLATE "C")',),
    "varchar": ("CREATE TABLE w (v varchar(5))",),
    "domain": (LOOSE, "CREATE DOMAIN word AS text COLLATE loose", "CREATE TABLE w (v word)"),
}


@pytest.fixture(params=COLUMNS)
def words(request: pytest.FixtureRequest, make: Make) -> ConnectorContract:
    return make(*COLUMNS[request.param], FILL)


def chosen(contract: ConnectorContract, test: Callable[[e.Ref], e.Expr], table: str = "w") -> list[Any]:
    """The values for which the source finds a condition true; it must call its answer exact."""
    scan = contract.scan(table, "v")
    predicate = test(scan.columns[0].ref())
    assert contract.opinion(scan, predicate).is_exact
    return [row[0] for row in contract.rows(p.Filter(scan, predicate))]


def test_R1_equality_is_bytewise(words: ConnectorContract) -> None:
    assert chosen(words, lambda v: Call(B, "=", (v, x("a")))) == ["a"]
    assert chosen(words, lambda v: Call(B, "=", (x("a "), v))) == ["a "]
    assert sorted(chosen(words, lambda v: e.InList(B, v, (x("a"), x("B"))))) == ["B", "a"]
    assert chosen(words, lambda v: Call(B, "any_array_=", (v, Literal(t.array(t.TEXT), ("A", "x"))))) == ["A"]
    assert chosen(words, lambda v: Call(B, "is_not_distinct", (v, x("Z")))) == ["Z"]


def test_R2_inequality_and_ranges_go_by_code_point(words: ConnectorContract) -> None:
    for name, test in {"<>": str.__ne__, "<": str.__lt__, "<=": str.__le__, ">": str.__gt__, ">=": str.__ge__}.items():
        for bound in ("a", "B", "z", ""):
            found = chosen(words, lambda v, name=name, bound=bound: Call(B, name, (v, x(bound))))
            assert sorted(found) == sorted(word for word in WORDS if test(word, bound))


def test_R3_trailing_blanks_count(words: ConnectorContract) -> None:
    assert chosen(words, lambda v: Call(B, "=", (v, x("a")))) == ["a"]
    assert chosen(words, lambda v: Call(B, "=", (v, x("")))) == [""]


def test_R4_sort_and_top_n_go_by_code_point(words: ConnectorContract) -> None:
    scan = words.scan("w", "v")
    sort = p.Sort(scan, (e.SortKey(scan.columns[0].ref()),))
    assert [row[0] for row in words.rows(sort)] == sorted(WORDS)
    top = p.Limit(p.Sort(scan, (e.SortKey(scan.columns[0].ref(), descending=True),)), Literal(t.INT64, 3))
    assert [row[0] for row in words.rows(top)] == sorted(WORDS, reverse=True)[:3]


def test_R4_enums_sort_as_text(make: Make) -> None:
    contract = make(
        "CREATE TYPE size AS ENUM ('small', 'large')",
        "CREATE TABLE w (v size)",
        "INSERT INTO w VALUES ('small'), ('large')",
    )
    scan = contract.scan("w", "v")
    assert contract.rows(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),))) == [("large",), ("small",)]
    assert chosen(contract, lambda v: Call(B, "<", (v, x("m")))) == ["large"]
    assert chosen(contract, lambda v: Call(B, "=", (v, x("small")))) == ["small"]
    assert chosen(contract, lambda v: Call(B, "=", (v, x("no such label")))) == []


def test_R5_like_under_loose_collations(words: ConnectorContract) -> None:
    assert sorted(chosen(words, lambda v: Call(B, "like", (v, x("a%"))))) == ["a", "a "]
    assert sorted(chosen(words, lambda v: Call(B, "~", (v, x("^[Az]"))))) == ["A", "z"]
    assert sorted(chosen(words, lambda v: Call(B, "starts_with", (v, x("a"))))) == ["a", "a "]
    position = words.over("w", "v", lambda v: Call(t.INT32, "strpos", (v, x("a"))))
    assert sum(position) == 2
    replaced = words.over("w", "v", lambda v: Call(t.TEXT, "replace", (v, x("a"), x("_"))))
    assert sorted(replaced) == sorted(word.replace("a", "_") for word in WORDS)


def test_R6_equality_uses_an_index(make: Make, database: Database) -> None:
    statements = ("CREATE TABLE w (v text PRIMARY KEY, n numeric(9,2) UNIQUE, u uuid UNIQUE, t timestamptz UNIQUE)",)
    contract = make(
        *statements,
        "INSERT INTO w SELECT i::text, i, gen_random_uuid(), to_timestamp(i) FROM generate_series(1, 20000) i",
        "ANALYZE w",
    )
    uuid = Literal(t.UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    instant = Literal(t.TIMESTAMPTZ, dt.datetime(1970, 1, 1, 0, 0, 9, tzinfo=dt.UTC))
    for name, literal in {"v": x("7"), "n": d("7.00"), "u": uuid, "t": instant}.items():
        scan = contract.scan("w", name)
        request = contract.request(p.Filter(scan, Call(B, "=", (scan.columns[0].ref(), literal))))
        assert "Index" in str(database.rows(f"EXPLAIN {request.sql}"))


def test_R7_groups_and_extremes_are_bytewise(words: ConnectorContract) -> None:
    assert sorted(words.rows(p.Distinct(words.scan("w", "v")))) == sorted((word,) for word in WORDS)
    scan = words.scan("w", "v")
    group = p.Aggregate(scan, scan.columns, ((words.column("n", t.INT64), e.Aggregate(t.INT64, "count")),))
    assert sorted(words.rows(group)) == sorted((word, 1) for word in WORDS)
    v = scan.columns[0].ref()
    calls = [
        e.Aggregate(t.TEXT, "min", (v,)),
        e.Aggregate(t.TEXT, "max", (v,)),
        e.Aggregate(t.INT64, "count", (v,), True),
    ]
    extremes = p.Aggregate(scan, (), tuple((words.column("a", call.type), call) for call in calls))
    assert words.rows(extremes) == [(min(WORDS), max(WORDS), len(WORDS))]
    greatest = words.over("w", "v", lambda v: Call(t.TEXT, "greatest", (v, x("a"))))
    assert sorted(greatest) == sorted(max(word, "a") for word in WORDS)


def test_R7_joins_across_collations(make: Make) -> None:
    tables = (
        LOOSE,
        "CREATE TABLE w (v text COLLATE loose)",
        'CREATE TABLE u (v text COLLATE "C")',
        "CREATE TABLE q (v text)",
    )
    contract = make(*tables, FILL, FILL.replace("INTO w", "INTO u"), FILL.replace("INTO w", "INTO q"))
    for one, two in (("w", "u"), ("w", "q"), ("u", "q"), ("w", "w")):
        left, right = contract.scan(one, "v"), contract.scan(two, "v")
        condition = Call(B, "=", (left.columns[0].ref(), right.columns[0].ref()))
        assert len(contract.rows(p.Join(p.JoinKind.INNER, left, right, condition))) == len(WORDS)
        both = p.SetOperation(p.SetKind.UNION, False, left, right, (contract.column("v", t.TEXT),))
        assert len(contract.rows(both)) == len(WORDS)


def test_R7_subqueries_across_collations(make: Make) -> None:
    columns = {"w": "loose", "u": '"C"', "q": '"de-x-icu"', "d": '"default"'}
    tables = [f"CREATE TABLE {name} (v text COLLATE {collation})" for name, collation in columns.items()]
    contract = make(LOOSE, *tables, *(FILL.replace("INTO w", f"INTO {name}") for name in columns))
    for one, two in itertools.product(columns, repeat=2):
        left, right = contract.scan(one, "v"), contract.scan(two, "v")
        value = left.columns[0].ref()
        among = p.Filter(left, e.Quantified(B, (value,), "=", False, right))
        assert len(contract.rows(among)) == len(WORDS), (one, two)
        others = p.Filter(left, e.Quantified(B, (value,), "<>", True, right))
        assert contract.rows(others) == [], (one, two)


def test_R7_collations_do_not_conflict(make: Make) -> None:
    tables = (
        LOOSE,
        'CREATE TABLE w (v text COLLATE loose, d text COLLATE "de-x-icu", e text COLLATE "C", a text[] COLLATE loose)',
    )
    contract = make(
        *tables, "INSERT INTO w VALUES ('a', 'A', 'a', '{A,b}'), ('x', 'x', 'y', '{x}'), ('x', 'x', 'y', '{X}')"
    )
    scan = contract.scan("w")
    v, d, c, a = (column.ref() for column in scan.columns)
    tests = {
        "=": (v, d),
        "<": (d, v),
        "like": (d, c),
        "starts_with": (v, d),
        "any_array_=": (d, a),
        "is_not_distinct": (v, c),
    }
    expected = {"=": 2, "<": 1, "like": 0, "starts_with": 2, "any_array_=": 2, "is_not_distinct": 1}
    found = {name: len(contract.rows(p.Filter(scan, Call(B, name, args)))) for name, args in tests.items()}
    assert found == expected
    assert len(contract.over("w", "d", lambda d: Call(t.TEXT, "nullif", (d, x("a"))))) == 3
    assert len(contract.rows(p.Distinct(contract.scan("w", "a")))) == 3


def test_R8_nan_is_equal_to_itself_and_greatest(make: Make) -> None:
    contract = make(
        "CREATE TABLE w (v float8)", "INSERT INTO w VALUES ('NaN'), ('Infinity'), (1), (NULL), ('-Infinity')"
    )
    nan = f(math.nan)
    assert len(chosen(contract, lambda v: Call(B, "=", (v, nan)))) == 1
    assert len(chosen(contract, lambda v: Call(B, "<>", (v, nan)))) == 3
    assert [math.isnan(v) for v in chosen(contract, lambda v: Call(B, ">", (v, f(math.inf))))] == [True]
    assert len(chosen(contract, lambda v: e.InList(B, v, (nan, f(1.0))))) == 2
    scan = contract.scan("w", "v")
    rows = contract.rows(p.Sort(scan, (e.SortKey(scan.columns[0].ref(), descending=True, nulls_first=True),)))
    assert str(rows) == "[(None,), (nan,), (inf,), (1.0,), (-inf,)]"


def test_R9_real_is_compared_as_real(make: Make) -> None:
    contract = make("CREATE TABLE w (v real)", "INSERT INTO w VALUES (3.14), (0.1)")
    assert len(chosen(contract, lambda v: Call(B, "=", (v, r(3.14))))) == 1
    as_double = chosen(contract, lambda v: Call(B, "=", (e.Cast(t.FLOAT64, v), f(3.14))))
    assert as_double == []


@pytest.mark.parametrize(
    ("declared", "name", "type", "expected"),
    [
        ("smallint", "sum", t.INT64, 7),
        ("integer", "sum", t.INT64, 7),
        ("bigint", "sum", t.decimal(38, 0), Decimal(7)),
        ("numeric(9,2)", "sum", t.decimal(38, 2), Decimal("7.00")),
        ("numeric", "sum", t.decimal(38, 18), Decimal(7)),
        ("real", "sum", t.FLOAT32, 7.0),
        ("float8", "sum", t.FLOAT64, 7.0),
        ("integer", "avg", t.FLOAT64, 7 / 3),
        ("bigint", "avg", t.FLOAT64, 7 / 3),
        ("numeric(9,2)", "avg", t.FLOAT64, 7 / 3),
        ("float8", "avg", t.FLOAT64, 7 / 3),
        ("smallint", "max", t.INT16, 4),
        ("numeric(9,2)", "min", t.decimal(9, 2), Decimal("1.00")),
        ("integer", "bit_or", t.INT32, 7),
        ("integer", "bit_and", t.INT32, 0),
        ("bigint", "bit_xor", t.INT64, 7),
        ("float8", "stddev_samp", t.FLOAT64, 1.5275252316519468),
        ("float8", "var_pop", t.FLOAT64, 14 / 9),
        ("integer", "array_agg", t.array(t.INT32), [1, 2, 4]),
    ],
)
def test_R12_R13_aggregates_have_our_types(make: Make, declared: str, name: str, type: t.Type, expected: Any) -> None:
    contract = make(f"CREATE TABLE w (v {declared})", "INSERT INTO w VALUES (1), (2), (4), (NULL)")
    scan = contract.scan("w", "v")
    v = scan.columns[0].ref()
    some = Call(B, "is_not_null", (v,))
    for call in (e.Aggregate(type, name, (v,), filter=some), e.Aggregate(type, name, (v,), distinct=True, filter=some)):
        ((found,),) = contract.rows(p.Aggregate(scan, (), ((contract.column("a", type), call),)))
        assert found == (pytest.approx(expected, rel=1e-15) if isinstance(expected, float) else expected)


def test_R13_sums_do_not_wrap_or_round(make: Make) -> None:
    contract = make(
        "CREATE TABLE w (v bigint, n numeric(38,2))",
        f"INSERT INTO w SELECT {2**63 - 1}, {'9' * 36}.99 FROM generate_series(1, 3)",
    )
    scan = contract.scan("w", "v")
    total = e.Aggregate(t.decimal(38, 0), "sum", (scan.columns[0].ref(),))
    assert contract.rows(p.Aggregate(scan, (), ((contract.column("a", total.type), total),))) == [
        (Decimal(3 * (2**63 - 1)),)
    ]
    scan = contract.scan("w", "n")
    total = e.Aggregate(t.decimal(38, 2), "sum", (scan.columns[0].ref(),))
    with pytest.raises(InvalidValue, match="does not fit"):
        contract.rows(p.Aggregate(scan, (), ((contract.column("a", total.type), total),)))


def test_R14_aggregates_over_a_limit_nest(make: Make) -> None:
    contract = make("CREATE TABLE w (v int)", "INSERT INTO w SELECT generate_series(1, 9)")
    scan = contract.scan("w", "v")
    few = p.Limit(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)), Literal(t.INT64, 3))
    total = e.Aggregate(t.INT64, "sum", (scan.columns[0].ref(),))
    assert contract.rows(p.Aggregate(few, (), ((contract.column("a", t.INT64), total),))) == [(6,)]
    assert len(contract.rows(p.Filter(few, Call(B, ">", (scan.columns[0].ref(), i(2)))))) == 1


def test_R16_null_safe_equality(make: Make) -> None:
    contract = make("CREATE TABLE w (v int)", "INSERT INTO w VALUES (1), (NULL)")
    assert chosen(contract, lambda v: Call(B, "is_not_distinct", (v, i(None)))) == [None]
    assert chosen(contract, lambda v: Call(B, "is_distinct", (v, i(None)))) == [1]
    left, right = contract.scan("w", "v"), contract.scan("w", "v")
    condition = Call(B, "is_not_distinct", (left.columns[0].ref(), right.columns[0].ref()))
    assert len(contract.rows(p.Join(p.JoinKind.INNER, left, right, condition))) == 2


def test_R17_full_joins_stay_here(contract: ConnectorContract) -> None:
    assert p.JoinKind.FULL not in contract.catalog.capabilities.joins
    assert "full joins" in contract.catalog.capabilities.reason("joins")


def test_R18_char_is_trimmed_text(make: Make) -> None:
    contract = make("CREATE TABLE w (v char(4))", "INSERT INTO w VALUES ('x'), ('x '), ('')")
    assert sorted(chosen(contract, lambda v: Call(B, "=", (v, x("x"))))) == ["x", "x"]
    assert chosen(contract, lambda v: Call(B, "=", (v, x("x   ")))) == []
    assert chosen(contract, lambda v: Call(B, "=", (v, x("")))) == [""]
    assert sorted(contract.over("w", "v", lambda v: Call(t.INT32, "length", (v,)))) == [0, 1, 1]
    assert sorted(contract.over("w", "v", lambda v: Call(t.TEXT, "||", (v, x("|"))))) == ["x|", "x|", "|"]
    assert chosen(contract, lambda v: Call(B, "like", (v, x("x")))) == ["x", "x"]


INFINITE = (
    "CREATE TABLE w (i int, d date, s timestamp, z timestamptz)",
    "INSERT INTO w VALUES (1, 'infinity', '-infinity', 'infinity')",
)


@pytest.mark.parametrize("column", ["d", "s", "z"])
def test_R25_infinity_is_an_error(make: Make, column: str) -> None:
    contract = make(*INFINITE)
    with pytest.raises(InvalidValue, match=rf"column {column} of shop\.s\d+_\d\.w.*infini"):
        contract.rows(contract.scan("w", column))
    assert contract.rows(contract.scan("w", "i")) == [(1,)]


def test_R25_infinity_as_null(make: Make) -> None:
    contract = make(*INFINITE, "INSERT INTO w VALUES (2, '2020-01-01', NULL, NULL)", infinity="null")
    assert sorted(contract.rows(contract.scan("w"))) == [(1, None, None, None), (2, dt.date(2020, 1, 1), None, None)]
    scan = contract.scan("w", "i", "d")
    assert contract.rows(p.Filter(scan, Call(B, ">", (scan.columns[1].ref(), day("2019-01-01"))))) == [
        (2, dt.date(2020, 1, 1))
    ]


def test_R25_infinity_as_the_last_day(make: Make) -> None:
    contract = make(*INFINITE, "INSERT INTO w VALUES (2, NULL, NULL, NULL)", infinity="clamp")
    found = contract.read(contract.scan("w"))
    assert found.column(1).cast(pa.int32()).to_pylist() == [2145042905, None]
    assert found.column(2).cast(pa.int64()).to_pylist() == [-2440588 * 86_400_000_000, None]
    assert found.column(3).cast(pa.int64()).to_pylist() == [9223371244799999999, None]
    scan = contract.scan("w", "i", "s")
    assert contract.rows(
        p.Project(
            p.Filter(scan, Call(B, "<", (scan.columns[1].ref(), at("2019-01-01")))),
            ((scan.columns[0], scan.columns[0].ref()),),
        )
    ) == [(1,)]


def test_R25_timestamps_beyond_the_carrier_are_errors(make: Make) -> None:
    for infinity in ("error", "null"):
        contract = make("CREATE TABLE w (v timestamp)", "INSERT INTO w VALUES ('294276-12-31')", infinity=infinity)
        with pytest.raises(InvalidValue, match="294246"):
            contract.rows(contract.scan("w"))


def test_R26_the_end_of_the_day_is_an_error(make: Make) -> None:
    contract = make("CREATE TABLE w (v time)", "INSERT INTO w VALUES ('00:00'), ('24:00')")
    with pytest.raises(InvalidValue, match=r"column v of .*24:00:00"):
        contract.rows(contract.scan("w"))


def test_R27_instants_do_not_depend_on_a_zone(make: Make, database: Database) -> None:
    contract = make(
        "CREATE TABLE w (v timestamptz)", "INSERT INTO w VALUES ('2024-07-01 12:00+02'), ('2024-07-01 10:00Z')"
    )
    database.run(
        f"ALTER DATABASE {database.name} SET TimeZone = 'Asia/Tokyo'",
        f"ALTER DATABASE {database.name} SET DateStyle = 'German'",
    )
    try:
        fresh = ConnectorContract(contract.connector)
        instant = dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)
        assert fresh.rows(fresh.scan("w")) == [(instant,), (instant,)]
        assert fresh.over("w", "v", lambda v: e.Cast(t.DATE, v)) == [dt.date(2024, 7, 1)] * 2
        assert len(chosen(fresh, lambda v: Call(B, "=", (v, Literal(t.TIMESTAMPTZ, instant))))) == 2
    finally:
        database.run(f"ALTER DATABASE {database.name} RESET ALL")


def test_R30_dates_are_proleptic_gregorian(make: Make) -> None:
    days = ["0001-01-01", "1500-02-28", "1582-10-04", "1582-10-10", "1582-10-15", "1900-02-28"]
    contract = make("CREATE TABLE w (v date)", "INSERT INTO w VALUES " + ", ".join(f"('{text}')" for text in days))
    for text in days:
        assert chosen(contract, lambda v, text=text: Call(B, "=", (v, day(text)))) == [dt.date.fromisoformat(text)]


def test_R31_json_numbers_keep_their_digits(make: Make) -> None:
    contract = make("CREATE TABLE w (v jsonb)", "INSERT INTO w VALUES ('{\"n\": 12345678901234567890.123456789}')")
    assert contract.rows(contract.scan("w")) == [('{"n": 12345678901234567890.123456789}',)]


def test_R32_R33_names_are_kept_as_they_are(make: Make) -> None:
    names = ["Mixed Case", 'quo"te', "x" * 63, "naïve", "select", "a.b", "%s {0}"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    contract = make(
        *(f"CREATE TABLE {name} ({name} int)" for name in quoted),
        *(f"INSERT INTO {name} VALUES (1)" for name in quoted),
    )
    assert sorted(table.name for table in contract.catalog.tables) == sorted(names)
    for name in names:
        assert contract.rows(contract.scan(name, name)) == [(1,)]


def test_R34_very_long_lists(make: Make) -> None:
    contract = make("CREATE TABLE w (v int)", "INSERT INTO w SELECT generate_series(1, 200000, 100000)")
    keys = tuple(i(number) for number in range(100_000, 160_000))
    assert chosen(contract, lambda v: e.InList(B, v, keys)) == [100_001]


def test_R35_row_counts(make: Make, database: Database) -> None:
    contract = make(
        "CREATE TABLE w (v int)",
        "CREATE TABLE q (v int)",
        "INSERT INTO q SELECT generate_series(1, 500)",
        "CREATE VIEW o AS SELECT 1 AS v",
    )
    assert contract.table("w").row_count in (None, 0)
    assert contract.table("o").row_count is None
    database.run(f"ANALYZE {contract.table('w').relation}", f"ANALYZE {contract.table('q').relation}")
    contract.refresh()
    assert contract.table("q").row_count == 500
    assert contract.table("w").row_count == 0


def test_R38_exact_numbers_are_not_divided_there(contract: ConnectorContract) -> None:
    opinion = contract.opinion(p.Values((), ((),)), Call(t.decimal(9, 2), "/", (d("1.00"), d("3.00"))))
    assert opinion.verdict is Verdict.NO
    assert "no proven spelling" in opinion.reason
