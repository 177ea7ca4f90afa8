"""Every spelling of the dialect, on the real server: over constants, and over columns that hold awkward values."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hanse.errors import HanseError, InvalidValue
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import types as t
from hanse.ir.expr import Call, Cast, Expr, Interval, Literal
from hanse.testing.contract import ConnectorContract, covered
from tests.contract.postgres.samples import CALLS, CASTS, LITERALS, comparisons

pytestmark = pytest.mark.mysql
SAMPLES = [*comparisons(), *CALLS]
PLACE = p.Values((), ((),))


def i(value: int | None, type: t.Type = t.INT32) -> Literal:
    return Literal(type, value)


def x(value: str | None) -> Literal:
    return Literal(t.TEXT, value)


EXTRA: list[tuple[t.Type, str, tuple[Expr, ...], Any]] = [
    (t.TEXT, "left", (x("Straße"), i(5)), "Straß"),
    (t.TEXT, "right", (x("aß🚢"), i(2)), "ß🚢"),
    (t.TEXT, "substr", (x("aß🚢d"), i(2), i(2)), "ß🚢"),
    (t.TEXT, "substr", (x("abc"), i(9)), ""),
    (t.decimal(10, 0), "extract", (x("month"), Literal(t.DATE, dt.date(2020, 2, 29))), Decimal(2)),
    (t.INT64, "-", (i(-(2**63), t.INT64), i(0, t.INT64)), -(2**63)),
    (t.INT32, "+", (i(2**31 - 2), i(1)), 2**31 - 1),
    (t.INT32, "-", (i(-(2**31) + 1), i(1)), -(2**31)),
    (t.INT16, "*", (i(-256, t.INT16), i(128, t.INT16)), -(2**15)),
    (t.INT8, "+", (i(100, t.INT8), i(27, t.INT8)), 127),
    (t.BOOLEAN, "like", (x("a%b"), x("a%")), True),
]


def sent(contract: ConnectorContract, node: Expr) -> bool:
    return contract.opinion(PLACE, node).is_exact


def test_samples_cover_every_rule(contract: ConnectorContract) -> None:
    tried = {name for type, name, args, _ in [*SAMPLES, *EXTRA] if sent(contract, Call(type, name, args))}
    assert covered(contract.dialect.functions, tried) == set()


def test_calls(contract: ConnectorContract) -> None:
    calls = [(Call(type, name, args), answer) for type, name, args, answer in [*SAMPLES, *EXTRA]]
    chosen = [(call, answer) for call, answer in calls if sent(contract, call)]
    assert len(chosen) > 250
    for start in range(0, len(chosen), 100):
        part = chosen[start : start + 100]
        found = contract.values(*(call for call, _ in part))[0]
        wrong = [(call, got, want) for (call, want), got in zip(part, found, strict=True) if got != want]
        assert wrong == []


def test_casts(contract: ConnectorContract) -> None:
    chosen = [(Cast(type, arg), answer) for arg, type, answer in CASTS if sent(contract, Cast(type, arg))]
    assert chosen
    found = contract.values(*(cast for cast, _ in chosen))[0]
    assert [(cast, got) for (cast, want), got in zip(chosen, found, strict=True) if got != want] == []


def test_literals(contract: ConnectorContract) -> None:
    chosen = [(one, value) for one, value in LITERALS if sent(contract, one) and one.type.kind is not t.Kind.INTERVAL]
    extra = [
        (i(2**64 - 1, t.UINT64), 2**64 - 1),
        (i(-(2**63), t.INT64), -(2**63)),
        (x("\\ ' '' \" ` % \n\0\x1a {0} -- /* 🚢"), "\\ ' '' \" ` % \n\0\x1a {0} -- /* 🚢"),
        (Literal(t.BYTES, b"'\\\0\xff"), b"'\\\0\xff"),
        (Literal(t.FLOAT64, 1e22), 1e22),
        (Literal(t.FLOAT64, 5e-324), 5e-324),
        (Literal(t.decimal(38, 0), Decimal("9" * 38)), Decimal("9" * 38)),
        (Literal(t.decimal(38, 30), Decimal("-1e-30")), Decimal("-1e-30")),
    ]
    found = contract.values(*(one for one, _ in [*chosen, *extra]))[0]
    assert list(found) == [value for _, value in [*chosen, *extra]]


@pytest.mark.parametrize(
    "literal",
    [
        x("\ud800"),
        Literal(t.FLOAT64, float("nan")),
        Literal(t.FLOAT32, 1.5),
        Literal(t.array(t.INT32), (1,)),
        Literal(t.JSON, "1"),
    ],
)
def test_unspeakable_literals(contract: ConnectorContract, literal: Literal) -> None:
    assert contract.dialect.literal(literal) is None


def test_typed_nulls(contract: ConnectorContract) -> None:
    types = [
        t.BOOLEAN,
        t.INT8,
        t.INT64,
        t.UINT64,
        t.decimal(9, 2),
        t.FLOAT32,
        t.FLOAT64,
        t.TEXT,
        t.BYTES,
        t.DATE,
        t.TIME,
    ]
    types += [t.TIMESTAMP, t.TIMESTAMPTZ, t.UUID, t.JSON, t.enum(("a",)), t.NULL]
    assert contract.values(*(Literal(type, None) for type in types)) == [(None,) * len(types)]


def test_parameters_are_spelt(contract: ConnectorContract) -> None:
    column = contract.column("v", t.TEXT)
    plan = p.Values((column,), ((e.Parameter(t.TEXT, 0),),))
    assert contract.rows(plan, (x("a' OR 1=1 -- \\"),)) == [("a' OR 1=1 -- \\",)]


def test_a_limit_may_be_a_parameter(contract: ConnectorContract) -> None:
    scan = contract.scan("sheet", "id")
    first = p.Limit(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)), e.Parameter(t.INT64, 0))
    assert contract.rows(first, (i(2, t.INT64),)) == [(1,), (2,)]


@pytest.mark.parametrize(
    "call",
    [
        Call(t.INT32, "+", (i(2**31 - 1), i(1))),
        Call(t.INT32, "-", (i(-(2**31)), i(1))),
        Call(t.INT32, "*", (i(2**16), i(2**16))),
        Call(t.INT16, "*", (i(300, t.INT16), i(300, t.INT16))),
        Call(t.INT8, "neg", (i(-128, t.INT8),)),
        Call(t.INT64, "+", (i(2**63 - 1, t.INT64), i(1, t.INT64))),
        Call(t.INT64, "neg", (i(-(2**63), t.INT64),)),
        Call(t.DATE, "+", (Literal(t.DATE, dt.date(9999, 12, 31)), i(1))),
        Call(t.TIMESTAMP, "+", (Literal(t.TIMESTAMP, dt.datetime(9999, 12, 1)), Literal(t.INTERVAL, Interval(1)))),
    ],
)
def test_overflow_is_an_error(contract: ConnectorContract, call: Expr) -> None:
    with pytest.raises(InvalidValue) as failure:
        contract.value(call)
    assert failure.value.code.startswith("22")
    assert failure.value.source == "crm"


@pytest.mark.parametrize(
    "call",
    [
        Call(t.INT32, "/", (i(1), i(0))),
        Call(t.INT32, "%", (i(1), i(0))),
        Call(t.INT32, "/", (i(-(2**31)), i(-1))),
        Call(t.FLOAT64, "/", (Literal(t.FLOAT64, 1.0), Literal(t.FLOAT64, 3.0))),
        Call(t.decimal(38, 30), "*", (Literal(t.decimal(30, 15), Decimal(1)), Literal(t.decimal(30, 15), Decimal(1)))),
        Call(t.UINT64, "-", (i(1, t.UINT64), i(2, t.UINT64))),
        Call(t.TEXT, "lower", (x("A"),)),
        Call(t.TEXT, "greatest", (x("A"), x("b"))),
        Call(t.TEXT, "substr", (x("abc"), i(-1), i(3))),
        Call(t.BOOLEAN, "like", (x("a"), x("\\"))),
        Call(t.BOOLEAN, "=", (Literal(t.FLOAT32, None), Literal(t.FLOAT32, None))),
        Cast(t.INT32, x("abc")),
        Cast(t.TEXT, i(1)),
        Cast(t.decimal(5, 2), i(1)),
        Cast(t.FLOAT64, Literal(t.FLOAT32, None)),
    ],
)
def test_what_differs_stays_here(contract: ConnectorContract, call: Expr) -> None:
    opinion = contract.opinion(PLACE, call)
    assert not opinion.is_exact
    assert opinion.reason


# over columns

WORDS = [
    None,
    "",
    " ",
    "a",
    "A",
    "á",
    "a ",
    "A ",
    "b",
    "ß",
    "ss",
    "z",
    "ä",
    "🚢",
    "\ufb01",
    "fi",
    "a\0",
    "a\tb",
    "%",
    "_",
    "a_",
    "é",
    "e\u0301",
]
COLLATIONS = [
    "varchar(20)",
    "varchar(20) COLLATE utf8mb4_unicode_ci",
    "varchar(20) COLLATE utf8mb4_bin",
    "varchar(20) COLLATE utf8mb4_nopad_bin",
    "varchar(20) COLLATE utf8mb4_unicode_nopad_ci",
    "text",
]
PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@pytest.fixture(params=COLLATIONS)
def words(request: pytest.FixtureRequest, make: Callable[..., ConnectorContract]) -> ConnectorContract:
    contract = make(f"CREATE TABLE w (k int PRIMARY KEY, v {request.param}, u {request.param}, KEY (v(10)))")
    values = ", ".join(
        f"({place}, {contract.dialect.literal(x(word))}, {contract.dialect.literal(x(word))})"
        for place, word in enumerate(WORDS)
    )
    contract.database.run(f"INSERT INTO w VALUES {values}")  # type: ignore[attr-defined]
    return contract


def chosen_by(contract: ConnectorContract, condition: Callable[[Expr], Expr]) -> list[str | None]:
    scan = contract.scan("w", "k", "v")
    found = contract.rows(p.Filter(scan, condition(scan.columns[1].ref())))
    return [word for _, word in sorted(found)]


@pytest.mark.parametrize("name", PYTHON)
def test_R1_R2_R3_text_compares_by_its_bytes(words: ConnectorContract, name: str) -> None:
    for word in WORDS[1:]:
        found = chosen_by(words, lambda v, word=word: Call(t.BOOLEAN, name, (v, x(word))))
        assert found == [one for one in WORDS if one is not None and PYTHON[name](one.encode(), word.encode())], word


def test_R1_in_lists(words: ConnectorContract) -> None:
    assert chosen_by(words, lambda v: e.InList(t.BOOLEAN, v, (x("a"), x("ss"), x(None)))) == ["a", "ss"]
    inside = e.InList
    assert chosen_by(words, lambda v: Call(t.BOOLEAN, "not", (inside(t.BOOLEAN, v, (x("a"), x(None))),))) == []


def test_R5_like(words: ConnectorContract) -> None:
    assert chosen_by(words, lambda v: Call(t.BOOLEAN, "like", (v, x("a%")))) == ["a", "a ", "a\0", "a\tb", "a_"]
    assert chosen_by(words, lambda v: Call(t.BOOLEAN, "like", (v, x("_")))) == [
        w for w in WORDS if w is not None and len(w) == 1
    ]
    assert chosen_by(words, lambda v: Call(t.BOOLEAN, "like", (v, x("%ss")))) == ["ss"]


def test_columns_compare_by_their_bytes(words: ConnectorContract) -> None:
    left, right = words.scan("w", "v"), words.scan("w", "u")
    pairs = Call(t.BOOLEAN, "=", (left.columns[0].ref(), right.columns[0].ref()))
    found = words.rows(p.Join(p.JoinKind.INNER, left, right, pairs))
    assert sorted(found) == sorted((word, word) for word in WORDS if word is not None)
    same = Call(t.BOOLEAN, "is_not_distinct", (left.columns[0].ref(), right.columns[0].ref()))
    assert len(words.rows(p.Join(p.JoinKind.INNER, left, right, same))) == len(WORDS)


def test_R4_R15_text_sorts_by_code_point(words: ConnectorContract) -> None:
    known = sorted((word for word in WORDS if word is not None), key=str.encode)
    for descending in (False, True):
        for first in (False, True):
            scan = words.scan("w", "v")
            v = scan.columns[0].ref()
            if words.dialect.order_key(e_operand(words, "v")) is None:
                continue
            found = [word for (word,) in words.rows(p.Sort(scan, (e.SortKey(v, descending, first),)))]
            order = known[::-1] if descending else known
            assert found == ([None, *order] if first else [*order, None])


def e_operand(contract: ConnectorContract, column: str) -> Any:
    found = contract.table("w").column(column)
    return contract.opinion(scan := contract.scan("w", column), scan.columns[0].ref()).operand if found else None


def test_R7_groups_distinct_and_extremes(words: ConnectorContract) -> None:
    scan = words.scan("w", "v")
    v = scan.columns[0]
    if words.dialect.group_key(e_operand(words, "v")) is None:
        assert words.table("w").column("v").remote_type == "text"
        return
    counted = p.Aggregate(scan, (v,), ((words.column("n", t.INT64), e.Aggregate(t.INT64, "count")),))
    assert sorted(words.rows(counted), key=repr) == sorted([(word, 1) for word in WORDS], key=repr)
    assert len(words.rows(p.Distinct(scan))) == len(WORDS)
    calls = [("min", False), ("max", False), ("count", True)]
    columns = [
        (words.column(n, t.INT64 if d else t.TEXT), e.Aggregate(t.INT64 if d else t.TEXT, n, (v.ref(),), d))
        for n, d in calls
    ]
    assert words.rows(p.Aggregate(scan, (), tuple(columns))) == [("", "🚢", len(WORDS) - 1)]


def test_text_functions_over_columns(words: ConnectorContract) -> None:
    """Whatever the column's collation, a function of text means its characters."""
    some = [word for word in WORDS if word is not None]

    def over(type: t.Type, name: str, *args: Expr) -> list[Any]:
        return words.over("w", "v", lambda v: Call(type, name, (v, *args)))

    def none(values: list[Any]) -> list[Any]:
        return sorted((value for value in values if value is not None), key=repr)

    def want(function: Callable[[str], Any]) -> list[Any]:
        return sorted(map(function, some), key=repr)

    assert none(over(t.INT32, "length")) == want(len)
    assert none(over(t.INT32, "strpos", x("a"))) == want(lambda w: w.find("a") + 1)
    assert none(over(t.TEXT, "replace", x("a"), x("-"))) == want(lambda w: w.replace("a", "-"))
    assert none(over(t.BOOLEAN, "starts_with", x("a"))) == want(lambda w: w.startswith("a"))
    assert none(over(t.TEXT, "||", x("!"))) == want(lambda w: w + "!")
    assert none(over(t.TEXT, "substr", i(2))) == want(lambda w: w[1:])
    assert none(over(t.TEXT, "btrim")) == want(lambda w: w.strip(" "))
    assert none(over(t.TEXT, "nullif", x("A"))) == sorted((w for w in some if w != "A"), key=repr)
    assert sorted(over(t.TEXT, "coalesce", x("?"))) == sorted([*some, "?"])


def test_enums_compare_as_text(make: Callable[..., ConnectorContract]) -> None:
    contract = make(
        "CREATE TABLE w (k int, v enum('z','a','B','A') COLLATE utf8mb4_bin)",
        "INSERT INTO w VALUES (1,'z'),(2,'a'),(3,'B'),(4,'A'),(5,NULL)",
    )
    assert chosen_by(contract, lambda v: Call(t.BOOLEAN, "=", (v, x("a")))) == ["a"]
    assert chosen_by(contract, lambda v: Call(t.BOOLEAN, "<", (v, x("a")))) == ["B", "A"]
    scan = contract.scan("w", "v")
    assert [v for (v,) in contract.rows(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)))] == [
        "A",
        "B",
        "a",
        "z",
        None,
    ]
    highest = p.Aggregate(
        scan, (), ((contract.column("m", t.TEXT), e.Aggregate(t.TEXT, "max", (scan.columns[0].ref(),))),)
    )
    assert contract.rows(highest) == [("z",)]


NUMBERS = (
    "(1, 7, 7.25, 0.1, '2020-01-31'), (2, -7, -7.25, -0.1, '2020-02-29'), "
    "(3, 2147483647, 99999999.99, 1e300, '9999-12-31'), (4, NULL, NULL, NULL, NULL)"
)


@pytest.fixture
def numbers(make: Callable[..., ConnectorContract]) -> ConnectorContract:
    return make(
        "CREATE TABLE w (k int, i int, d decimal(10,2), f double, v datetime(6))", f"INSERT INTO w VALUES {NUMBERS}"
    )


def test_R12_R13_aggregates_have_our_types(numbers: ConnectorContract) -> None:
    scan = numbers.scan("w", "k", "i", "d")
    k, i_, d = (column.ref() for column in scan.columns)
    few = p.Filter(scan, Call(t.BOOLEAN, "<>", (k, i(3))))
    calls = [
        (t.INT64, "count", ()), (t.INT64, "sum", (i_,)), (t.FLOAT64, "avg", (k,)), (t.FLOAT64, "avg", (d,)),
        (t.decimal(38, 2), "sum", (d,)), (t.decimal(10, 2), "max", (d,)), (t.INT32, "min", (i_,)),
    ]  # fmt: skip
    made = tuple((numbers.column(name, type), e.Aggregate(type, name, args)) for type, name, args in calls)
    assert numbers.rows(p.Aggregate(few, (), made)) == [(3, 0, 7 / 3, 0.0, Decimal("0.00"), Decimal("7.25"), -7)]
    none = p.Filter(scan, Call(t.BOOLEAN, "<", (k, i(0))))
    assert numbers.rows(p.Aggregate(none, (), made)) == [(0, None, None, None, None, None, None)]


def test_bool_aggregates(numbers: ConnectorContract) -> None:
    scan = numbers.scan("w", "i")
    positive = Call(t.BOOLEAN, ">", (scan.columns[0].ref(), i(0)))
    made = tuple(
        (numbers.column(n, t.BOOLEAN), e.Aggregate(t.BOOLEAN, n, (positive,))) for n in ("bool_and", "bool_or")
    )
    assert numbers.rows(p.Aggregate(scan, (), made)) == [(False, True)]


def test_windows(numbers: ConnectorContract) -> None:
    scan = numbers.scan("w", "k", "i")
    k, i_ = (column.ref() for column in scan.columns)
    order = (e.SortKey(i_),)
    calls = [
        (t.INT64, "row_number", ()),
        (t.INT64, "rank", ()),
        (t.INT32, "lag", (k,)),
        (t.INT32, "first_value", (k,)),
        (t.INT64, "count", ()),
    ]
    made = tuple((numbers.column(name, type), e.WindowCall(type, name, args, (), order)) for type, name, args in calls)
    found = sorted(numbers.rows(p.Window(scan, made)))
    assert [row[2:] for row in found] == [(2, 2, 2, 2, 2), (1, 1, None, 2, 1), (3, 3, 1, 2, 3), (4, 4, 3, 2, 4)]


def test_a_sum_beyond_38_digits_is_an_error(make: Callable[..., ConnectorContract]) -> None:
    contract = make("CREATE TABLE w (d decimal(38,0))", f"INSERT INTO w VALUES ({'9' * 38}), (1)")
    scan = contract.scan("w")
    total = e.Aggregate(t.decimal(38, 0), "sum", (scan.columns[0].ref(),))
    with pytest.raises(InvalidValue, match="does not fit"):
        contract.rows(p.Aggregate(scan, (), ((contract.column("s", t.decimal(38, 0)), total),)))


def test_dates_meet_constants_to_the_microsecond(make: Callable[..., ConnectorContract]) -> None:
    contract = make(
        "CREATE TABLE w (k int, v datetime(6))",
        "INSERT INTO w VALUES (1, '2020-01-01 00:00:00.000001'), (2, '2020-01-01')",
    )
    instant = Literal(t.TIMESTAMP, dt.datetime(2020, 1, 1, 0, 0, 0, 1))
    assert chosen_by(contract, lambda v: Call(t.BOOLEAN, "=", (v, instant))) == [instant.value]
    assert chosen_by(contract, lambda v: Call(t.BOOLEAN, "<", (v, instant))) == [dt.datetime(2020, 1, 1)]


def test_R6_equality_can_use_an_index(make: Callable[..., ConnectorContract]) -> None:
    contract = make(
        "CREATE TABLE w (k int, v varchar(20), KEY (v))",
        *(["INSERT INTO w SELECT seq, CONCAT('w', seq) FROM seq_1_to_2000"]),
    )
    scan = contract.scan("w", "k", "v")
    sql = str(contract.request(p.Filter(scan, Call(t.BOOLEAN, "=", (scan.columns[1].ref(), x("w77"))))).sql)
    plan = contract.database.rows(f"EXPLAIN {sql}")  # type: ignore[attr-defined]
    assert plan[0][3] == "ref"
    assert contract.rows(p.Filter(scan, Call(t.BOOLEAN, "=", (scan.columns[1].ref(), x("w77"))))) == [(77, "w77")]


def test_long_text_is_not_grouped_by_its_first_kilobyte(make: Callable[..., ConnectorContract]) -> None:
    """By default MariaDB sorts by the first 1024 bytes, and so makes one group of what differs later."""
    contract = make(
        "CREATE TABLE w (v varchar(3000), b text)",
        *(f"INSERT INTO w VALUES (CONCAT(REPEAT('p', 1100), '{c}'), 'x')" for c in "babcabca"),
    )
    scan = contract.scan("w", "v")
    groups = p.Aggregate(scan, (scan.columns[0],), ((contract.column("n", t.INT64), e.Aggregate(t.INT64, "count")),))
    assert sorted((text[-1], n) for text, n in contract.rows(groups)) == [("a", 3), ("b", 3), ("c", 2)]
    assert [text[-1] for (text,) in contract.rows(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)))] == list(
        "aaabbbcc"
    )
    body = contract.opinion(long := contract.scan("w", "b"), long.columns[0].ref()).operand
    assert contract.dialect.group_key(body) is None
    assert contract.dialect.order_key(body) is None


def test_errors_name_the_source(contract: ConnectorContract) -> None:
    with pytest.raises(HanseError) as failure:
        contract.value(Call(t.INT64, "+", (i(2**63 - 1, t.INT64), i(1, t.INT64))))
    assert failure.value.source == "crm"
