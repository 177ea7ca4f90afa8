"""How columns travel, and what is made of batches that are not what was promised."""

from __future__ import annotations

import pyarrow as pa
import pytest

from hanse.connectors.postgres.wire import Decoder, convert, label, statement, travelling
from hanse.errors import StaleSnapshot
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.tables import Table, TableColumn


def table(name: str, *columns: str) -> Table:
    return Table("shop", "public", name, tuple(TableColumn(column, t.INT32) for column in columns), name)


def test_plain_columns_need_no_wrapping() -> None:
    columns = (Column(1, "a", t.INT32), Column(2, "b", t.TEXT), Column(3, "c", t.DATE))
    assert statement("SELECT 1, 'x', d", columns, ["", "", ""]) == "SELECT 1, 'x', d"


def test_numbers_travel_as_text() -> None:
    columns = (Column(1, "a", t.INT32), Column(2, "b", t.decimal(9, 2)))
    assert (
        statement("SELECT i, n FROM t", columns, ["", ""])
        == "SELECT a0, a1::text FROM (SELECT i, n FROM t) AS q(a0, a1)"
    )


def test_labels_cannot_break_out() -> None:
    assert "'it''s holds" in travelling("a0", t.array(t.INT32), "it's")


def test_labels() -> None:
    column = Column(1, "a", t.INT32)
    assert label(column, [table("t", "a"), table("u", "b")]) == "column a of shop.public.t"
    assert label(column, [table("t", "a"), table("u", "a")]) == "column a of shop.public.t or shop.public.u"
    assert label(column, [table("u", "b")]) == "column a"


@pytest.mark.parametrize(
    ("array", "type"),
    [
        (pa.array(["x"]), t.INT32),
        (pa.array([1]), t.TEXT),
        (pa.array([1.5]), t.INT64),
        (pa.array([1]), t.decimal(9, 2)),
        (pa.array([1]), t.array(t.INT64)),
        (pa.array([b"x"]), t.TEXT),
    ],
)
def test_another_type_is_a_stale_snapshot(array: pa.Array, type: t.Type) -> None:
    decoder = Decoder("shop", (Column(1, "a", type),), ["column a"])
    with pytest.raises(StaleSnapshot, match="column a came as"):
        decoder.decode(pa.record_batch([array], ["x"]))


def test_another_number_of_columns_is_a_stale_snapshot() -> None:
    with pytest.raises(StaleSnapshot, match="1 columns were expected, 2 came"):
        Decoder("shop", (Column(1, "a", t.INT32),), [""]).decode(
            pa.record_batch([pa.array([1]), pa.array([1])], ["x", "y"])
        )


def test_wider_integers_that_do_not_fit_mean_that_the_column_has_grown() -> None:
    assert convert(pa.array([1], pa.int16()), t.INT64).type == pa.int64()
    with pytest.raises(StaleSnapshot, match="column a came as int64, not as smallint"):
        Decoder("shop", (Column(1, "a", t.INT16),), ["column a"]).decode(pa.record_batch([pa.array([70000])], ["x"]))


def test_lists_keep_their_gaps() -> None:
    array = pa.array([[], None, ["1.50", None]], pa.list_(pa.string()))
    found = convert(array, t.array(t.decimal(4, 2)))
    assert str(found.to_pylist()) == "[[], None, [Decimal('1.50'), None]]"
    assert found.type == pa.list_(pa.decimal128(4, 2))
    sliced = convert(array.slice(1), t.array(t.decimal(4, 2)))
    assert str(sliced.to_pylist()) == "[None, [Decimal('1.50'), None]]"


def test_nothing_but_nulls_may_have_any_type() -> None:
    assert convert(pa.array([None, None], pa.string()), t.NULL).type == pa.null()
