"""What groups come to: against groups of chance, and what a bound far from their mean leaves."""

import math
import random
from datetime import date
from decimal import Decimal
from statistics import fmean, pstdev

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.tables import ColumnStatistics
from hanse.ir.types import INT64
from hanse.optimize.estimate import Estimator
from hanse.optimize.totals import TAIL, Total, moments_of, total_of
from tests.unit.plans import COUNT, Plans, call, lit, ref

QUANTITY = ColumnStatistics(50.0, 0.0, 1, 50)


def test_mean_and_variance_of_ends_of_buckets_and_of_common_values() -> None:
    assert moments_of(QUANTITY) == pytest.approx((25.5, 49 * 49 / 12))
    assert moments_of(ColumnStatistics(common=((Decimal(4), 0.5), (8, 0.5)))) == pytest.approx((6, 4))
    assert moments_of(ColumnStatistics(histogram=(0, 10, 100))) == pytest.approx(
        (30, 1100 / 6 + 10000 / 6 + 100 / 6 - 900)
    )
    assert moments_of(ColumnStatistics()) is None
    assert moments_of(ColumnStatistics(minimum="a", maximum="b")) is None
    assert moments_of(ColumnStatistics(minimum=date(2020, 1, 1), maximum=date(2021, 1, 1))) is None
    assert moments_of(ColumnStatistics(minimum=-math.inf, maximum=math.inf)) is None


def test_totals_are_those_of_groups_by_chance() -> None:
    chance = random.Random(3)
    sizes = [1 + sum(chance.random() < 0.03 for _ in range(100)) for _ in range(4000)]
    groups = [[chance.uniform(1, 50) for _ in range(size)] for size in sizes]
    moments = (25.5, 49 * 49 / 12)
    for name, values in (("sum", [sum(group) for group in groups]), ("count", list(map(float, sizes)))):
        found = total_of(name, 4.0, moments)
        assert found is not None
        assert found.mean == pytest.approx(fmean(values), rel=0.05)
        assert found.deviation == pytest.approx(pstdev(values), rel=0.1)
    assert total_of("avg", 4.0, moments) == Total(25.5, pytest.approx(math.sqrt(49 * 49 / 48)))
    assert total_of("max", 4.0, moments) is None
    assert total_of("sum", 0.5, (2.0, 0.0)) == Total(2.0, 0.0)


def test_a_share_is_half_at_the_mean_and_never_nothing() -> None:
    total = Total(100.0, 50.0)
    assert total.above(100) == 0.5
    assert 0.02 < total.above(200) < 0.2
    assert (total.above(1e9), total.above(-1e9)) == (TAIL, 1 - TAIL)
    assert Total(3.0, 0.0).above(2.5) == 1 - TAIL


@pytest.fixture
def make() -> Plans:
    return Plans()


def share(make: Plans, test: str, bound: int, calls: dict[str, e.Aggregate], items: p.Scan) -> tuple[float, bool]:
    groups = make.groups(items, "x", **calls)
    plan = p.Filter(groups, call(test, ref(groups, next(iter(calls))), lit(bound, INT64)))
    estimator = Estimator()
    return estimator.rows(plan) / estimator.rows(groups), estimator.is_guess(plan)


def test_having_far_beyond_the_mean_leaves_few_groups(make: Plans) -> None:
    items = make.counted("crm.items", 600_000, "id x y", x=150_000, y=QUANTITY)
    total = {"s": e.Aggregate(INT64, "sum", (ref(items, "y"),))}
    assert share(make, ">", 300, total, items) == (TAIL, True)
    assert share(make, "<=", 300, total, items) == (1 - TAIL, True)
    assert 0.4 < share(make, ">", 100, total, items)[0] < 0.6
    assert share(make, ">=", 40, {"n": COUNT}, items) == (TAIL, True)


def test_what_is_not_known_of_groups_remains_the_usual_guess(make: Plans) -> None:
    items = make.counted("crm.items", 600_000, "id x y", x=150_000)
    for plain in (e.Aggregate(INT64, "sum", (ref(items, "y"),)), replace_distinct(ref(items, "y"))):
        assert share(make, ">", 300, {"s": plain}, items) == (pytest.approx(0.3), True)


def replace_distinct(arg: e.Expr) -> e.Aggregate:
    return e.Aggregate(INT64, "count", (arg,), distinct=True)
