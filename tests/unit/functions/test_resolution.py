"""What a call is resolved to, what is refused and where, and what the dialect does with arguments of every shape."""

import datetime as dt
from decimal import Decimal

import duckdb
import pytest

from hanse.bind import coercion, functions, moments
from hanse.errors import InvalidValue, TypeMismatch, UnknownName, Unsupported
from hanse.ir import types as t
from hanse.ir.expr import Call, Cast, Expr, Interval, Literal, Parameter, Ref
from hanse.ir.types import Type
from hanse.spi.dialect import Operand, find
from tests.unit.functions import calls

PLACE = 7


def column(type: Type) -> Expr:
    """Any column of that type."""
    return Ref(type, 1, "c")


def text(value: str) -> coercion.Untyped:
    """A quoted literal."""
    return coercion.Untyped(t.TEXT, Literal(t.TEXT, value))


@pytest.mark.parametrize(
    ("name", "given", "passed", "result"),
    [
        ("round", [t.INT32], [t.FLOAT64], t.FLOAT64),
        ("round", [t.decimal(10, 4)], [t.decimal(10, 4)], t.decimal(7, 0)),
        ("+", [t.INT16, t.INT32], [t.INT32, t.INT32], t.INT32),
        ("+", [t.UINT32, t.INT32], [t.INT64, t.INT64], t.INT64),
        ("+", [t.UINT64, t.INT32], [t.decimal(20, 0), t.decimal(10, 0)], t.decimal(21, 0)),
        ("*", [t.decimal(12, 2), t.decimal(5, 3)], [t.decimal(12, 2), t.decimal(5, 3)], t.decimal(17, 5)),
        ("/", [t.decimal(12, 2), t.INT32], [t.FLOAT64, t.FLOAT64], t.FLOAT64),
        ("/", [t.INT64, t.INT32], [t.INT64, t.INT64], t.INT64),
        ("+", [t.FLOAT32, t.INT32], [t.FLOAT64, t.FLOAT64], t.FLOAT64),
        ("+", [t.DATE, t.INTERVAL], [t.TIMESTAMP, t.INTERVAL], t.TIMESTAMP),
        ("+", [t.INTERVAL, t.DATE], [t.TIMESTAMP, t.INTERVAL], t.TIMESTAMP),
        ("+", [t.INT32, t.DATE], [t.DATE, t.INT32], t.DATE),
        ("-", [t.DATE, t.DATE], [t.DATE, t.DATE], t.INT32),
        ("=", [t.DATE, t.TIMESTAMPTZ], [t.TIMESTAMPTZ, t.TIMESTAMPTZ], t.BOOLEAN),
        ("=", [t.FLOAT32, t.decimal(4, 2)], [t.FLOAT64, t.FLOAT64], t.BOOLEAN),
        ("||", [t.TEXT, t.INT32], [t.TEXT, t.TEXT], t.TEXT),
        ("coalesce", [t.INT32, t.decimal(5, 2)], [t.decimal(12, 2), t.decimal(12, 2)], t.decimal(12, 2)),
        ("date_trunc", [t.DATE], [t.TIMESTAMPTZ], t.TIMESTAMPTZ),
    ],
)
def test_overloads(name: str, given: list[Type], passed: list[Type], result: Type) -> None:
    fields: list[Expr] = [text("month")] if name == "date_trunc" else []
    call = functions.resolve(name, (*fields, *map(column, given)), None)
    assert isinstance(call, Call)
    assert [arg.type for arg in call.args[len(fields) :]] == passed
    assert call.type == result


def test_untyped_literals_take_the_other_sides_type() -> None:
    call = functions.resolve("=", (column(t.DATE), text("1994-01-01")), None)
    assert isinstance(call, Call)
    assert call.args[1] == Literal(t.DATE, dt.date(1994, 1, 1))
    labels = t.enum(("a", "b"))
    known = functions.resolve("=", (column(labels), text("a")), None)
    unknown = functions.resolve("=", (column(labels), text("x")), None)
    assert isinstance(known, Call)
    assert isinstance(unknown, Call)
    assert known.args[1] == Literal(labels, "a")
    assert unknown.args == (Cast(t.TEXT, column(labels)), Literal(t.TEXT, "x"))


def test_parameters_take_the_resolved_type() -> None:
    hole = coercion.Untyped(t.NULL, Parameter(t.NULL, 0))
    call = functions.resolve("<", (column(t.decimal(5, 2)), hole), None)
    assert isinstance(call, Call)
    assert call.args[1] == Parameter(t.decimal(5, 2), 0)


def test_small_constants_keep_products_small() -> None:
    less = functions.resolve("-", (Literal(t.INT32, 1), column(t.decimal(12, 2))), None)
    product = functions.resolve("*", (column(t.decimal(12, 2)), less), None)
    assert product.type == t.decimal(25, 4)


def test_strict_functions_of_null_are_null() -> None:
    assert functions.resolve("lower", (Literal(t.TEXT, None),), None) == Literal(t.TEXT, None)
    assert isinstance(functions.resolve("concat", (Literal(t.TEXT, None),), None), Call)


@pytest.mark.parametrize("name", sorted(functions.INSTEAD))
def test_functions_that_are_left_out_say_what_to_write(name: str) -> None:
    with pytest.raises(Unsupported) as refused:
        functions.resolve(name, (column(t.TEXT), column(t.TEXT)), PLACE)
    assert (refused.value.code, refused.value.position) == ("0A000", PLACE)
    assert refused.value.hint == functions.INSTEAD[name]


def test_errors_name_what_is_near_and_where() -> None:
    with pytest.raises(UnknownName) as unknown:
        functions.resolve("lowr", (column(t.TEXT),), PLACE)
    assert (unknown.value.code, unknown.value.position, unknown.value.hint) == ("42883", PLACE, "did you mean lower?")
    with pytest.raises(TypeMismatch) as mismatch:
        functions.resolve("length", (column(t.INT32),), PLACE)
    assert (mismatch.value.code, mismatch.value.position) == ("42883", PLACE)
    with pytest.raises(TypeMismatch, match=r"operator does not exist: text \+ integer"):
        functions.resolve("+", (column(t.TEXT), column(t.INT32)), PLACE)
    with pytest.raises(InvalidValue) as invalid:
        functions.resolve("=", (column(t.DATE), text("1994-13-01")), PLACE)
    assert (invalid.value.code, invalid.value.position) == ("22008", PLACE)
    with pytest.raises(InvalidValue) as number:
        coercion.coerce(text("12x"), t.INT32, PLACE)
    assert number.value.code == "22P02"
    with pytest.raises(Unsupported, match="not supported for type date"):
        functions.resolve("extract", (text("hour"), column(t.DATE)), PLACE)
    with pytest.raises(TypeMismatch, match="CASE types integer and text cannot be matched"):
        coercion.unify([column(t.INT32), column(t.TEXT)], PLACE, "CASE")


@pytest.mark.parametrize(
    ("written", "type", "value"),
    [
        ("1.25", t.decimal(3, 1), Decimal("1.3")),
        ("yes", t.BOOLEAN, True),
        ("1 mon 2 days ago", t.INTERVAL, Interval(-1, -2)),
        ("1.5 months", t.INTERVAL, Interval(1, 15)),
        ("P1Y2M3DT4H", t.INTERVAL, Interval(14, 3, 4 * 3_600_000_000)),
        ("Jan 5, 2020", t.DATE, dt.date(2020, 1, 5)),
        ("1/5/2020", t.DATE, dt.date(2020, 1, 5)),
        ("2020-01-01 10:00+02", t.TIMESTAMPTZ, dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)),
        ("{1,NULL,3}", t.array(t.INT32), (1, None, 3)),
        ('{"a b",c}', t.array(t.TEXT), ("a b", "c")),
        ("0.1", t.FLOAT32, 0.10000000149011612),
        ("{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", t.UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ],
)
def test_quoted_literals(written: str, type: Type, value: object) -> None:
    assert coercion.coerce(text(written), type, None) == Literal(type, value)


def test_instants_without_a_zone_are_the_sessions() -> None:
    token = moments.session_zone.set("Europe/Berlin")
    try:
        summer = coercion.coerce(text("2024-07-01 12:00"), t.TIMESTAMPTZ, None)
        twice = coercion.coerce(text("2024-10-27 02:30"), t.TIMESTAMPTZ, None)
        never = coercion.coerce(text("2024-03-31 02:30"), t.TIMESTAMPTZ, None)
    finally:
        moments.session_zone.reset(token)
    hours = [expr.value.astimezone(dt.UTC).hour for expr in (summer, twice, never) if isinstance(expr, Literal)]
    assert hours == [10, 1, 1]


def test_what_only_the_run_knows_stays_a_cast() -> None:
    assert coercion.coerce(text("infinity"), t.DATE, None) == Cast(t.DATE, Literal(t.TEXT, "infinity"))


def test_what_functions_may_do() -> None:
    assert functions.volatility("random") == "volatile"
    assert functions.volatility("lower") == "immutable"
    assert functions.is_leakproof("=")
    assert not functions.is_leakproof("/")


def test_arguments_are_evaluated_once(coordinator: duckdb.DuckDBPyConnection) -> None:
    drawn = Operand("(CAST(floor(random() * 1000) AS INTEGER))", t.INT32)
    half = Operand("(CAST(2 + 0 * random() AS INTEGER))", t.INT32)
    rule = find(calls.DIALECT.functions, "/", [drawn, half])
    assert rule is not None
    sql = rule.spell([drawn, half])
    assert sql.count("random()") == 2
    assert coordinator.execute(f"SELECT {sql}").fetchone() is not None


def test_columns_may_have_any_name(coordinator: duckdb.DuckDBPyConnection) -> None:
    """A lambda's field is not mistaken for that of a column of the same name."""
    spans = [Operand("(a + b)", t.INTERVAL), Operand("(x + 0.5e0)", t.FLOAT64)]
    rule = next(r for r in calls.DIALECT.functions["*"] if r.accepts(spans))
    names = "to_days(1) AS a, to_days(1) AS b, 1e0 AS x, 1 AS v, 1 AS o, 1 AS p, 1 AS q, 1 AS w, 1 AS l, 1 AS i, 1 AS t"
    found = coordinator.execute(f"SELECT CAST({rule.spell(spans)} AS VARCHAR) FROM (SELECT {names}) v").fetchone()
    assert found == ("3 days",)


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("'x'::text", t.INT32),
        ("'x'::text", t.DATE),
        ("'x'::text", t.BOOLEAN),
        ("'x'::text", t.UUID),
        ("'x'::text", t.JSON),
        ("'x'::text", t.INTERVAL),
        ("'1e400'::text", t.FLOAT64),
        ("300", t.INT8),
        ("'NaN'::float8", t.decimal(5, 2)),
        ("'24:00'::text", t.TIME),
    ],
)
def test_safe_casts_give_null_where_others_raise(
    value: str, target: Type, coordinator: duckdb.DuckDBPyConnection
) -> None:
    arg = calls.spelt(calls.argument(value).expr)
    safe, strict = (calls.DIALECT.cast(arg, target, is_safe) for is_safe in (True, False))
    assert safe is not None
    assert strict is not None
    assert coordinator.execute(f"SELECT {safe.spell([arg])}").fetchone() == (None,)
    with pytest.raises(duckdb.Error):
        coordinator.execute(f"SELECT {strict.spell([arg])}").fetchone()
