"""Estimates against the truth: tables of generated rows, statistics of them as a source would take, and what is so."""

from __future__ import annotations

import bisect
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import Estimate, Fragment, FragmentGraph
from hanse.ir.tables import ColumnStatistics, ForeignKey, Table, TableColumn, TableStatistics
from hanse.ir.types import BOOLEAN, INT32, TEXT, Type
from hanse.optimize.estimate import ROWS, Estimator, estimated
from tests.unit.plans import COUNT, Plans, both, call, eq, join, lit, ref

TOTAL = 20_000
POINTS = 100
Row = dict[str, Any]


def rows_of(seed: int, total: int) -> list[Row]:
    """Rows with a key, a skewed column, an even one with NULLs, and a text."""
    chance = random.Random(seed)
    return [
        {
            "id": place,
            "x": min(int(chance.paretovariate(0.9)), 500),
            "y": None if chance.random() < 0.2 else chance.randrange(1000),
            "t": f"{chance.choice('abcdefgh')}{chance.choice('klm')}{chance.randrange(300):03}",
        }
        for place in range(total)
    ]


def counted(values: Sequence[Any]) -> ColumnStatistics:
    """What ANALYZE would say of a column."""
    present = [value for value in values if value is not None]
    counts = Counter(present)
    often = [(value, count) for value, count in counts.most_common(POINTS) if count > 1.25 * len(present) / len(counts)]
    rest = sorted(value for value in present if value not in dict(often))
    step = max(1, (len(rest) - 1) // POINTS)
    bounds = (*rest[::step], *rest[-1:]) if len(rest) > 1 else ()
    return ColumnStatistics(
        float(len(counts)),
        1 - len(present) / len(values),
        min(present),
        max(present),
        tuple((value, count / len(values)) for value, count in often),
        bounds,
        8.0,
    )


class World:
    """A table of generated rows, in Hanse's eyes."""

    def __init__(self, rows: list[Row], name: str = "v") -> None:
        self.rows = rows
        kinds: dict[str, Type] = {"t": TEXT}
        columns = tuple(TableColumn(key, kinds.get(key, INT32), key != "id") for key in rows[0])
        known = {key: counted([row[key] for row in rows]) for key in rows[0]}
        self.table = Table(
            "s", "", name, columns, name, primary_key=("id",), statistics=TableStatistics(float(len(rows)), known)
        )

    def scan(self, make: Plans) -> p.Scan:
        columns = self.table.columns
        return p.Scan(self.table, tuple((make.column(c.name, c.type, c.nullable), c.name) for c in columns))


@pytest.fixture(scope="module")
def world() -> World:
    return World(rows_of(1, TOTAL))


@pytest.fixture
def make() -> Plans:
    return Plans()


def off(plan: p.Plan, truth: float) -> float:
    """The q-error: by which factor the estimate is too large or too small, where less than ten rows are ten."""
    one, other = max(Estimator().rows(plan), 10.0), max(truth, 10.0)
    return max(one / other, other / one)


Test = tuple[Callable[[p.Plan], e.Expr], Callable[[Row], bool], float]
TESTS: list[Test] = [
    (lambda v: eq(ref(v, "id"), 77), lambda r: r["id"] == 77, 1.0),
    (lambda v: eq(ref(v, "x"), 1), lambda r: r["x"] == 1, 1.05),
    (lambda v: eq(ref(v, "x"), 40), lambda r: r["x"] == 40, 2.0),
    (lambda v: eq(ref(v, "y"), 5), lambda r: r["y"] == 5, 2.0),
    (lambda v: eq(ref(v, "y"), 5000), lambda r: False, 1.0),
    (lambda v: call("<>", ref(v, "x"), 1), lambda r: r["x"] != 1, 1.05),
    (lambda v: call("<", ref(v, "y"), 250), lambda r: r["y"] is not None and r["y"] < 250, 1.1),
    (lambda v: call(">", lit(250), ref(v, "y")), lambda r: r["y"] is not None and r["y"] < 250, 1.1),
    (lambda v: call(">=", ref(v, "x"), 100), lambda r: r["x"] >= 100, 1.2),
    (lambda v: call("<", ref(v, "id"), -5), lambda r: False, 1.0),
    (
        lambda v: both(call(">=", ref(v, "y"), 100), call("<", ref(v, "y"), 120)),
        lambda r: r["y"] is not None and 100 <= r["y"] < 120,
        1.3,
    ),
    (lambda v: e.InList(BOOLEAN, ref(v, "x"), (lit(1), lit(2), lit(3))), lambda r: r["x"] in (1, 2, 3), 1.05),
    (lambda v: call("is_null", ref(v, "y")), lambda r: r["y"] is None, 1.05),
    (lambda v: call("is_not_null", ref(v, "y")), lambda r: r["y"] is not None, 1.05),
    (lambda v: call("like", ref(v, "t"), "ak%"), lambda r: r["t"].startswith("ak"), 1.6),
    (lambda v: call("starts_with", ref(v, "t"), "b"), lambda r: r["t"].startswith("b"), 1.3),
    (lambda v: call("like", ref(v, "t"), "ak123"), lambda r: r["t"] == "ak123", 2.5),
    (
        lambda v: both(eq(ref(v, "x"), 1), call("<", ref(v, "y"), 100)),
        lambda r: r["x"] == 1 and r["y"] is not None and r["y"] < 100,
        1.5,
    ),
    (
        lambda v: call("or", eq(ref(v, "x"), 1), call("<", ref(v, "y"), 100)),
        lambda r: r["x"] == 1 or (r["y"] is not None and r["y"] < 100),
        1.1,
    ),
    (
        lambda v: call("not", call("<", ref(v, "y"), 250)),
        lambda r: r["y"] is not None and r["y"] >= 250,
        1.1,
    ),
]


@pytest.mark.parametrize("number", range(len(TESTS)))
def test_conditions(world: World, make: Plans, number: int) -> None:
    condition, truth, bound = TESTS[number]
    scan = world.scan(make)
    plan = p.Filter(scan, condition(scan))
    assert off(plan, sum(map(truth, world.rows))) <= bound
    assert not Estimator().is_guess(plan)


def test_hundreds_of_random_ranges(world: World, make: Plans) -> None:
    chance, scan = random.Random(7), world.scan(make)
    ordered = sorted(row["y"] for row in world.rows if row["y"] is not None)
    for _ in range(300):
        low, high = sorted(chance.sample(range(1000), 2))
        plan = p.Filter(scan, both(call(">=", ref(scan, "y"), low), call("<=", ref(scan, "y"), high)))
        truth = bisect.bisect_right(ordered, high) - bisect.bisect_left(ordered, low)
        assert off(plan, truth) < 2.5, (low, high)


def test_joins_by_key_with_conditions_on_both_sides(world: World, make: Plans) -> None:
    other = World([{"id": place, "y": place % 7, "x": place, "t": "a"} for place in range(500)], "w")
    one, two = world.scan(make), other.scan(make)
    plan = join(one, two, eq(ref(one, "x"), ref(two, "id")))
    assert off(plan, sum(row["x"] < 500 for row in world.rows)) < 1.1
    few = p.Filter(two, eq(ref(two, "y"), 3))
    plan = join(one, few, eq(ref(one, "x"), ref(few, "id")))
    assert off(plan, sum(row["x"] % 7 == 3 and row["x"] < 500 for row in world.rows)) < 8  # one is most of x
    semi = join(one, few, eq(ref(one, "x"), ref(few, "id")), "semi")
    assert Estimator().rows(semi) <= TOTAL
    left = join(one, few, eq(ref(one, "x"), ref(few, "id")), "left")
    assert Estimator().rows(left) == TOTAL


def test_a_key_of_several_columns_has_one_partner(make: Plans) -> None:
    pairs = [(a, b) for a in range(100) for b in range(20)]
    stock = World([{"id": n, "x": a, "y": b, "t": "a"} for n, (a, b) in enumerate(pairs)], "stock")
    sold = World([{"id": n, "x": n % 100, "y": n * 7 % 20, "t": "a"} for n in range(10_000)], "sold")
    one, two = sold.scan(make), stock.scan(make)
    plan = join(one, two, both(eq(ref(one, "x"), ref(two, "x")), eq(ref(one, "y"), ref(two, "y"))))
    assert off(plan, 10_000) < 1.1


def test_what_follows_is_not_counted_twice(make: Plans) -> None:
    worlds = [World([{"id": n, "x": n % 50, "y": 0, "t": "a"} for n in range(1000)], name) for name in "abc"]
    a, b, c = (world.scan(make) for world in worlds)
    two = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    plan = join(two, c, both(eq(a.columns[0].ref(), ref(c, "id")), eq(b.columns[0].ref(), ref(c, "id"))))
    assert off(plan, 1000) < 1.01


def test_groups_distinct_limit_and_sets(world: World, make: Plans) -> None:
    scan = world.scan(make)
    assert off(make.groups(scan, "x", n=COUNT), len({row["x"] for row in world.rows})) < 1.05
    assert off(make.groups(scan, "id", "y", "t", n=COUNT), TOTAL) < 1.01
    few = p.Filter(scan, call("<", ref(scan, "id"), 400))
    truth = len({row["y"] for row in world.rows if row["id"] < 400})
    assert off(make.groups(few, "y", n=COUNT), truth) < 1.3
    assert Estimator().rows(make.groups(scan, n=COUNT)) == 1
    estimator = Estimator()
    assert estimator.rows(p.Limit(scan, lit(10), None)) == 10
    assert estimator.rows(make.union(scan, world.scan(make))) == 2 * TOTAL
    assert estimator.distinct(few, few.columns[0].id) == pytest.approx(400, rel=0.05)


def test_without_statistics_everything_is_a_guess_but_sane(make: Plans) -> None:
    scan = make.scan("crm.a", "id x y")
    estimator = Estimator()
    assert estimator.rows(scan) == ROWS
    assert estimator.is_guess(scan)
    equal = p.Filter(scan, eq(ref(scan, "x"), 5))
    assert estimator.rows(equal) == ROWS * 0.1
    assert estimator.rows(p.Filter(scan, call("<", ref(scan, "x"), 5))) == ROWS * 0.3
    other = make.scan("crm.b", "id x y")
    assert estimator.rows(join(scan, other, eq(ref(scan, "x"), ref(other, "y")))) == ROWS


def test_a_unique_column_needs_no_statistics(make: Plans) -> None:
    table = Table("s", "", "v", (TableColumn("id", INT32, False),), "v", primary_key=("id",), row_count=500)
    scan = p.Scan(table, ((make.column("id", INT32, False), "id"),))
    plan = p.Filter(scan, eq(ref(scan, "id"), 5))
    assert Estimator().rows(plan) == 1
    assert not Estimator().is_guess(plan)


def test_width_is_that_of_arrow(world: World, make: Plans) -> None:
    scan = world.scan(make)
    assert Estimator().width(scan) == 4 + 4 + 4 + (4 + 8)
    assert Estimator().bytes(scan) == TOTAL * 24


def test_tables_that_differ_in_statistics_alone_are_the_same(world: World) -> None:
    bare = Table("s", "", "v", world.table.columns, "v", primary_key=("id",))
    assert bare == world.table
    assert hash(bare) == hash(world.table)
    assert bare != Table("s", "", "v", (), "v", foreign_keys=(ForeignKey(("id",), "", "w", ("id",)),))


def test_fragments_say_what_they_are_expected_to_yield(world: World, make: Plans) -> None:
    scan = world.scan(make)
    known, guess = Fragment(0, "s", scan), Fragment(1, "crm", p.Limit(make.scan("crm.a"), lit(1), None))
    found = estimated(FragmentGraph((known, guess), scan))
    assert [str(fragment.estimate) for fragment in found.fragments] == ["~20,000 rows", "~1 row (a guess)"]
    assert found.fragments[0].estimate == Estimate(TOTAL, TOTAL * 24)
    assert found.fragments[0] == known


def reference(make: Plans, values: float) -> tuple[p.Scan, p.Scan]:
    """10,000 rows with ``values`` values of a column, as a source counted them, and 25 rows with a key."""
    many, few = make.scan("crm.many", "id x"), make.scan("crm.few", "id x")
    known = TableStatistics(10_000.0, {"x": ColumnStatistics(values)})
    whole = TableStatistics(25.0, {"x": ColumnStatistics(5.0)})
    return (
        replace(many, table=replace(many.table, primary_key=("id",), statistics=known)),
        replace(few, table=replace(few.table, primary_key=("id",), statistics=whole)),
    )


def test_a_few_more_values_than_keys_are_counted_wrongly(make: Plans) -> None:
    for values, rows in ((25, 10_000), (50, 10_000), (60, 10_000 * 25 / 60), (10_000, 25)):
        many, few = reference(make, values)
        assert off(join(many, few, eq(ref(many, "x"), ref(few, "id"))), rows) < 1.01
        assert off(join(few, many, eq(ref(few, "id"), ref(many, "x"))), rows) < 1.01


def test_but_not_if_some_of_the_keys_are_left_out(make: Plans) -> None:
    many, few = reference(make, 50)
    part = p.Filter(few, eq(ref(few, "x"), 1))
    assert off(join(many, part, eq(ref(many, "x"), ref(part, "id"))), 10_000 * 5 / 50) < 1.1


def test_statistics_that_contradict_themselves_are_no_negative_shares(make: Plans) -> None:
    backwards = ColumnStatistics(minimum=100, maximum=5)
    a, b = make.counted("crm.a", 10, x=backwards, y=backwards), make.counted("sales.b", 10)
    outer = ref(b, "id")
    same = p.Filter(a, both(eq(ref(a, "x"), outer), eq(ref(a, "y"), outer)))
    assert all(0 < Estimator().rows(plan) <= 100 for plan in (same, join(a, b, eq(ref(a, "x"), outer))))
