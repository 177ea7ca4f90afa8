"""Keys of a fragment while it arrives: distinct, sorted, and given up or sent as a range when there are too many."""

import threading

import pyarrow as pa
import pytest

from hanse.errors import Cancelled
from hanse.execute.cancel import CancelScope
from hanse.execute.keys import ShippedKeys
from hanse.ir import types as t
from hanse.ir.fragment import Hole, KeyCaps
from hanse.ir.request import KeyRange


def shipped(type: t.Type = t.INT32, keys_max: int = 3) -> ShippedKeys:
    return ShippedKeys(Hole(0, 0, 1, 1, 2, keys_max), type, CancelScope())


def test_keys_are_distinct_sorted_and_never_null() -> None:
    keys = shipped()
    keys.add(pa.array([3, 1, None, 3], pa.int32()))
    keys.add(pa.array([1, 2], pa.int32()))
    assert not keys.decided
    keys.finish()
    assert keys.wait() == (1, 2, 3)


def test_no_rows_are_no_keys() -> None:
    keys = shipped()
    keys.finish()
    assert keys.wait() == ()


def test_too_many_integers_become_their_range() -> None:
    keys = shipped()
    keys.add(pa.array([5, 9, 7], pa.int32()))
    keys.add(pa.array([1, 20], pa.int32()))
    keys.add(pa.array([30], pa.int32()))
    assert not keys.decided
    keys.finish()
    assert keys.wait() == KeyRange(1, 30)


def test_too_many_texts_are_given_up_at_once() -> None:
    keys = shipped(t.TEXT)
    keys.add(pa.array(["a", "b", "c", "d"]))
    assert keys.decided
    assert keys.wait() is None


def test_keys_of_a_wider_type_that_cannot_match_are_left_out() -> None:
    keys = shipped(t.INT16, keys_max=10)
    keys.add(pa.array([1, 2**40, -(2**15)], pa.int64()))
    keys.finish()
    assert keys.wait() == (-(2**15), 1)
    unsigned = shipped(t.UINT8, keys_max=10)
    unsigned.add(pa.array([-1, 0, 255, 256], pa.int64()))
    unsigned.finish()
    assert unsigned.wait() == (0, 255)


def test_giving_up_after_the_decision_changes_nothing() -> None:
    keys = shipped()
    keys.add(pa.array([1], pa.int32()))
    keys.finish()
    keys.give_up()
    assert keys.wait() == (1,)


def test_the_end_of_the_query_wakes_who_waits() -> None:
    scope = CancelScope()
    keys = ShippedKeys(Hole(0, 0, 1, 1, 2, 3), t.INT32, scope)
    threading.Timer(0.1, scope.end).start()
    with pytest.raises(Cancelled):
        keys.wait()


def test_keys_are_counted_now_and_then() -> None:
    keys = shipped(t.INT64, keys_max=100_000)
    for start in range(0, 50_000, 500):
        keys.add(pa.array(range(start, start + 1000), pa.int64()))
    keys.finish()
    assert keys.wait() == tuple(range(50_500))


def test_more_than_the_cap_is_known_where_it_is_to_be_refused() -> None:
    keys = ShippedKeys(Hole(0, 0, 1, 1, 2, 3, KeyCaps(keys_max=3, fails=True)), t.TEXT, CancelScope())
    keys.add(pa.array(["a", "b", "c"]))
    assert not keys.is_over_cap
    keys.add(pa.array(["d"]))
    keys.finish()
    assert keys.is_over_cap
    assert keys.wait() is None
