"""Keys of a fragment while it arrives: distinct, sorted, and given up or sent as a range when there are too many."""

import datetime as dt
import threading
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from hanse.errors import Cancelled
from hanse.execute.batches import ColumnKeys
from hanse.execute.cancel import CancelScope
from hanse.execute.keys import ShippedKeys
from hanse.ir import types as t
from hanse.ir.fragment import Hole, KeyCaps, KeyOrigin
from hanse.ir.request import KeyRange
from hanse.spi.arrow import carrier


def shipped(type: t.Type = t.INT32, keys_max: int = 3) -> ShippedKeys:
    return ShippedKeys(hole(keys_max), [type], CancelScope())


def hole(keys_max: int = 3, columns: int = 1, origins: int = 1, caps: KeyCaps | None = None) -> Hole:
    places = tuple(range(columns))
    return Hole(0, tuple(KeyOrigin(id, places) for id in range(origins)), 9, places, keys_max, caps or KeyCaps())


def found(keys: ShippedKeys) -> ColumnKeys:
    (column,) = keys.wait().columns
    return column


def test_keys_are_distinct_sorted_and_never_null() -> None:
    keys = shipped()
    keys.add([pa.array([3, 1, None, 3], pa.int32())])
    keys.add([pa.array([1, 2], pa.int32())])
    assert not keys.decided
    keys.finish()
    assert found(keys) == (1, 2, 3)


def test_no_rows_are_no_keys() -> None:
    keys = shipped()
    keys.finish()
    assert found(keys) == ()


def test_too_many_integers_become_their_range() -> None:
    keys = shipped()
    keys.add([pa.array([5, 9, 7], pa.int32())])
    keys.add([pa.array([1, 20], pa.int32())])
    keys.add([pa.array([30], pa.int32())])
    assert not keys.decided
    keys.finish()
    assert found(keys) == KeyRange(1, 30)


@pytest.mark.parametrize(
    ("span", "is_given_up"), [((0, 24), True), ((0, 100), False), (("a", "b"), False), (None, False)]
)
def test_too_many_integers_are_given_up_when_their_range_leaves_out_little(span: object, is_given_up: bool) -> None:
    keys = ShippedKeys(replace(hole(), spans=(span,)), [t.INT32], CancelScope())
    keys.add([pa.array([5, 9, 7], pa.int32())])
    keys.add([pa.array([1, 20], pa.int32())])
    assert not keys.decided, "counted when as many wait as there are"
    keys.add([pa.array([2, 3], pa.int32())])
    assert keys.decided == is_given_up
    keys.finish()
    assert found(keys) == (None if is_given_up else KeyRange(1, 20))


def test_keys_cost_their_part_or_that_of_their_range() -> None:
    few = ShippedKeys(replace(hole(), spans=((0, 100),)), [t.INT32], CancelScope())
    few.add([pa.array([5, 9], pa.int32())])
    few.finish()
    assert (few.found, few.part(10)) == (2, 0.2)
    many = ShippedKeys(replace(hole(), spans=((0, 100),)), [t.INT32], CancelScope())
    many.add([pa.array([5, 9, 7, 25], pa.int32())])
    many.finish()
    assert many.part(10) == 0.2
    many.give_up()
    assert many.part(10) == 0.2, "they are decided"


def test_too_many_texts_are_given_up_at_once() -> None:
    keys = shipped(t.TEXT)
    keys.add([pa.array(["a", "b", "c", "d"])])
    assert keys.decided
    assert found(keys) is None


def test_keys_of_a_wider_type_that_cannot_match_are_left_out() -> None:
    keys = shipped(t.INT16, keys_max=10)
    keys.add([pa.array([1, 2**40, -(2**15)], pa.int64())])
    keys.finish()
    assert found(keys) == (-(2**15), 1)
    unsigned = shipped(t.UINT8, keys_max=10)
    unsigned.add([pa.array([-1, 0, 255, 256], pa.int64())])
    unsigned.finish()
    assert found(unsigned) == (0, 255)


def test_giving_up_after_the_decision_changes_nothing() -> None:
    keys = shipped()
    keys.add([pa.array([1], pa.int32())])
    keys.finish()
    keys.give_up()
    assert found(keys) == (1,)


def test_the_end_of_the_query_wakes_who_waits() -> None:
    scope = CancelScope()
    keys = ShippedKeys(hole(), [t.INT32], scope)
    threading.Timer(0.1, scope.end).start()
    with pytest.raises(Cancelled):
        keys.wait()


def test_keys_are_counted_now_and_then() -> None:
    keys = shipped(t.INT64, keys_max=100_000)
    for start in range(0, 50_000, 500):
        keys.add([pa.array(range(start, start + 1000), pa.int64())])
    keys.finish()
    assert found(keys) == tuple(range(50_500))


def test_more_than_the_cap_is_known_where_it_is_to_be_refused() -> None:
    keys = ShippedKeys(hole(caps=KeyCaps(keys_max=3, fails=True)), [t.TEXT], CancelScope())
    keys.add([pa.array(["a", "b", "c"])])
    assert not keys.is_over_cap
    keys.add([pa.array(["d"])])
    keys.finish()
    assert keys.is_over_cap
    assert found(keys) is None


# -- several columns, several origins


def rows_of(types: list[t.Type], keys_max: int = 3) -> ShippedKeys:
    return ShippedKeys(hole(keys_max, len(types)), types, CancelScope())


def test_rows_are_distinct_sorted_and_without_null() -> None:
    keys = rows_of([t.INT32, t.TEXT])
    keys.add([pa.array([3, 1, None, 3], pa.int32()), pa.array(["a", "b", "c", "a"])])
    keys.add([pa.array([1, 1, 1], pa.int32()), pa.array(["b", None, "a"])])
    keys.finish()
    assert keys.wait().rows == ((1, "a"), (1, "b"), (3, "a"))
    assert keys.wait().count == 3


def test_rows_of_which_all_have_a_null_are_no_keys() -> None:
    keys = rows_of([t.INT32, t.INT32])
    keys.add([pa.array([1, None], pa.int32()), pa.array([None, 1], pa.int32())])
    keys.finish()
    assert keys.wait().count == 0


def test_too_many_rows_become_lists_and_ranges_of_columns() -> None:
    keys = rows_of([t.INT32, t.INT32, t.TEXT])
    columns = [list(range(10)), [5, 6] * 5, [str(n) for n in range(10)]]
    keys.add([pa.array(columns[0], pa.int32()), pa.array(columns[1], pa.int32()), pa.array(columns[2])])
    assert not keys.decided
    keys.finish()
    assert keys.wait().rows is None
    assert keys.wait().columns == (KeyRange(0, 9), (5, 6), None)
    assert keys.wait().count is None


def test_rows_of_which_nothing_can_be_said_are_given_up_at_once() -> None:
    keys = rows_of([t.TEXT, t.TEXT])
    keys.add([pa.array(list("abcd")), pa.array(list("abcd"))])
    assert keys.decided
    assert keys.wait().columns == (None, None)


def test_rows_with_a_number_that_fits_no_row_there_are_left_out() -> None:
    keys = rows_of([t.INT16, t.UINT8], 10)
    keys.add([pa.array([1, 2**40, 2, 3], pa.int64()), pa.array([7, 7, 300, 8], pa.int64())])
    keys.finish()
    assert keys.wait().rows == ((1, 7), (3, 8))


@pytest.mark.parametrize("type", [t.decimal(10, 2), t.DATE, t.TIMESTAMP, t.TIMESTAMPTZ, t.UUID, t.UINT64])
def test_rows_of_every_type(type: t.Type) -> None:
    values = {
        "numeric": [Decimal("1.10"), Decimal("-0.01")],
        "date": [dt.date(2024, 2, 29), dt.date(1, 1, 1)],
        "timestamp": [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), dt.datetime(1000, 1, 1)],
        "timestamptz": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2023, 1, 1, tzinfo=dt.UTC)],
        "uuid": ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000000"],
        "uint64": [2**64 - 1, 0],
    }[type.kind.value]
    keys = rows_of([t.INT32, type])
    keys.add([pa.array([1, 1, 1], pa.int32()), pa.array([*values, values[0]], carrier(type))])
    keys.finish()
    assert keys.wait().rows == tuple((1, value) for value in sorted(values))


def test_keys_of_several_origins_are_known_when_all_are_finished() -> None:
    keys = ShippedKeys(hole(10, origins=2), [t.INT32], CancelScope())
    keys.add([pa.array([1, 2], pa.int32())])
    keys.finish()
    assert not keys.decided
    keys.add([pa.array([2, 3], pa.int32())])
    keys.finish()
    assert found(keys) == (1, 2, 3)
