"""The choice between two alternatives: once, for both alike, by what the small side really holds."""

from __future__ import annotations

import datetime as dt
import threading

import pyarrow as pa
import pytest

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.errors import Cancelled
from hanse.execute.cancel import CancelScope
from hanse.execute.small_sides import Choice
from hanse.ir.fragment import SmallSide
from hanse.ir.request import Request, RowsHole, SqlText
from hanse.ir.types import INT32, TEXT, TIMESTAMP, Type

OTHER = Request(1, "shop", SqlText(("SELECT 2",)), (), ())


def choice(types: tuple[Type, ...] = (INT32, TEXT), rows_max: int = 3, bytes_max: int = 1000) -> tuple[Choice, Request]:
    names = tuple(f"c{place}" for place in range(len(types)))
    target = Request(2, "shop", SqlText(("SELECT * FROM (", RowsHole(0, names, types), ") t1")), (), ())
    side = SmallSide(2, (0,), (1,), rows_max, bytes_max)
    return Choice(side, target, PostgresDialect(), CancelScope()), target


def batch(*rows: tuple) -> pa.RecordBatch:
    columns = {f"c{place}": list(values) for place, values in enumerate(zip(*rows, strict=True))}
    return pa.RecordBatch.from_pydict(columns)


def test_few_rows_stand_in_the_text_of_the_target_and_the_other_is_not_read() -> None:
    made, target = choice()
    made.rows[0].add(batch((1, "it's"), (2, None)))
    made.rows[0].add(batch((1, "it's")))
    made.rows[0].finish()
    found = made.of(target)
    assert found is not None
    rows = "(1, 'it''s'::text), (2, NULL::text), (1, 'it''s'::text)"
    assert str(found.sql) == f"SELECT * FROM (SELECT column1 AS c0, column2 AS c1 FROM (VALUES {rows}) AS v) t1"
    assert made.of(OTHER) is None


def test_too_many_rows_are_known_before_the_last() -> None:
    made, target = choice()
    made.rows[0].add(batch(*[(i, "x") for i in range(4)]))
    assert made.rows[0].decided
    assert made.of(OTHER) is OTHER
    assert made.of(target) is None
    made.rows[0].finish()
    assert made.of(OTHER) is OTHER


def test_too_much_text() -> None:
    made, target = choice(bytes_max=60)
    made.rows[0].add(batch((1, "x" * 60)))
    made.rows[0].finish()
    assert (made.of(target), made.of(OTHER)) == (None, OTHER)


def test_no_rows_ask_nobody() -> None:
    made, target = choice()
    made.rows[0].add(batch((1, "x")).slice(0, 0))
    made.rows[0].finish()
    assert (made.of(target), made.of(OTHER)) == (None, None)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_the_source_has_no_constant_for(value: str) -> None:
    made, target = choice()
    text = pa.array([value.encode("utf-8", "surrogatepass")]).cast(pa.string(), safe=False) if "\0" in value else None
    if text is None:
        text = pa.StringArray.from_buffers(1, pa.array([0, 3], pa.int32()).buffers()[1], pa.py_buffer(b"\xed\xa0\x80"))
    made.rows[0].add(pa.RecordBatch.from_arrays([pa.array([1], pa.int32()), text], ["c0", "c1"]))
    made.rows[0].finish()
    assert (made.of(target), made.of(OTHER)) == (None, OTHER)


def test_what_python_cannot_hold() -> None:
    made, target = choice((TIMESTAMP,))
    far = pa.array([2**58], pa.int64()).view(pa.timestamp("us"))
    made.rows[0].add(pa.RecordBatch.from_arrays([far], ["c0"]))
    made.rows[0].finish()
    assert (made.of(target), made.of(OTHER)) == (None, OTHER)
    made, target = choice((TIMESTAMP,))
    made.rows[0].add(pa.RecordBatch.from_pydict({"c0": pa.array([dt.datetime(2024, 2, 29)], pa.timestamp("us"))}))
    made.rows[0].finish()
    assert made.of(target) is not None


def test_who_waits_is_told_what_ended_the_query() -> None:
    scope = CancelScope()
    side = SmallSide(2, (0,), (1,), 3, 1000)
    target = Request(2, "shop", SqlText((RowsHole(0, ("c0",), (INT32,)),)), (), ())
    made = Choice(side, target, PostgresDialect(), scope)
    failures: list[Exception] = []

    def wait() -> None:
        try:
            made.of(OTHER)
        except Cancelled as failure:
            failures.append(failure)

    waiting = threading.Thread(target=wait)
    waiting.start()
    scope.end(Cancelled("enough"))
    waiting.join(5)
    assert len(failures) == 1
