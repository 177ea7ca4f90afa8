"""One plan per capability, over a small table that every source can hold, with the rows that are right.

A source that claims a capability must give these rows; one that does not must say why.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import BOOLEAN, INT32, INT64, TEXT
from hanse.spi.capabilities import Capabilities
from hanse.testing.contract import ConnectorContract, Rows

TABLE = "sheet"
ROWS: Rows = [(1, "a", 10), (2, "a", 20), (3, "b", None), (4, None, 40), (5, "b", 10), (6, "B", 60)]
SETUP = (
    f"CREATE TABLE {TABLE} (id INT PRIMARY KEY, grp VARCHAR(10), n INT)",
    f"INSERT INTO {TABLE} VALUES (1, 'a', 10), (2, 'a', 20), (3, 'b', NULL), (4, NULL, 40), (5, 'b', 10), (6, 'B', 60)",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A capability as it shows: a plan, and its rows; ``in_order`` where their order is part of the answer."""

    capability: str
    claimed: Callable[[Capabilities], bool]
    plan: Callable[[ConnectorContract], p.Plan]
    rows: Rows
    in_order: bool = False


def check(contract: ConnectorContract, case: Case) -> None:
    """Assert that the source keeps its claim, or gives a reason for having none."""
    capabilities = contract.catalog.capabilities
    if not case.claimed(capabilities):
        assert capabilities.reason(case.capability.split()[0])
        return
    found = contract.rows(case.plan(contract))
    expected = case.rows
    if not case.in_order:
        found, expected = sorted(found, key=repr), sorted(expected, key=repr)
    assert found == expected


def _flag(name: str) -> Callable[[Capabilities], bool]:
    return lambda sheet: bool(getattr(sheet, name))


def integer(value: int) -> e.Literal:
    """A constant of type integer."""
    return e.Literal(INT32, value)


def limit(value: int) -> e.Literal:
    """A constant of type bigint."""
    return e.Literal(INT64, value)


def _equal(left: e.Column, right: e.Column) -> e.Expr:
    return e.Call(BOOLEAN, "=", (left.ref(), right.ref()))


def _filter(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "id", "n")
    return p.Filter(scan, e.Call(BOOLEAN, ">", (scan.columns[1].ref(), integer(15))))


def _projection(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "n")
    return p.Project(scan, ((c.column("m", INT32), e.Call(INT32, "+", (scan.columns[0].ref(), integer(1)))),))


def _join(kind: p.JoinKind) -> Callable[[ConnectorContract], p.Plan]:
    """Rows up to 2 on the left, from 2 on the right."""

    def plan(c: ConnectorContract) -> p.Plan:
        left, right = c.scan(TABLE, "id"), c.scan(TABLE, "id")
        few = p.Filter(left, e.Call(BOOLEAN, "<=", (left.columns[0].ref(), integer(2))))
        most = p.Filter(right, e.Call(BOOLEAN, ">=", (right.columns[0].ref(), integer(2))))
        return p.Join(kind, few, most, _equal(left.columns[0], right.columns[0]))

    return plan


def _lateral(c: ConnectorContract) -> p.Plan:
    left, right = c.scan(TABLE, "id"), c.scan(TABLE, "id")
    below = p.Filter(right, e.Call(BOOLEAN, "<", (right.columns[0].ref(), left.columns[0].ref())))
    last = p.Limit(p.Sort(below, (e.SortKey(right.columns[0].ref(), descending=True),)), limit(1))
    return p.Join(p.JoinKind.INNER, left, last, e.TRUE, lateral=True)


def _set(kind: p.SetKind, every: bool) -> Callable[[ConnectorContract], p.Plan]:
    """The n of rows up to 5 with the n of rows from 4: 10, 20, NULL, 40, 10 and 40, 10, 60."""

    def plan(c: ConnectorContract) -> p.Plan:
        sides = []
        for operator, bound in (("<=", 5), (">=", 4)):
            scan = c.scan(TABLE, "n", "id")
            rows = p.Filter(scan, e.Call(BOOLEAN, operator, (scan.columns[1].ref(), integer(bound))))
            sides.append(p.Project(rows, ((scan.columns[0], scan.columns[0].ref()),)))
        return p.SetOperation(kind, every, sides[0], sides[1], (c.column("n", INT32),))

    return plan


def _aggregate(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "grp", "n")
    calls = (
        (c.column("rows", INT64), e.Aggregate(INT64, "count")),
        (c.column("total", INT64), e.Aggregate(INT64, "sum", (scan.columns[1].ref(),))),
    )
    return p.Aggregate(scan, (scan.columns[0],), calls)


def _grouping_sets(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "grp", "n")
    calls = ((c.column("rows", INT64), e.Aggregate(INT64, "count")),)
    return p.Aggregate(scan, (scan.columns[0],), calls, ((0,), ()))


def _aggregate_filter(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "n")
    large = e.Call(BOOLEAN, ">", (scan.columns[0].ref(), integer(15)))
    return p.Aggregate(scan, (), ((c.column("large", INT64), e.Aggregate(INT64, "count", filter=large)),))


def _distinct(c: ConnectorContract) -> p.Plan:
    return p.Distinct(c.scan(TABLE, "grp"))


def _distinct_on(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "grp", "id")
    group, id = (column.ref() for column in scan.columns)
    return p.Distinct(p.Sort(scan, (e.SortKey(group), e.SortKey(id, descending=True))), (group,))


def _window(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "id", "n")
    id, n = (column.ref() for column in scan.columns)
    frame = e.Frame("rows", e.Bound("preceding", limit(1)), e.Bound("current"))
    call = e.WindowCall(INT64, "sum", (n,), (), (e.SortKey(id),), frame)
    return p.Window(scan, ((c.column("moving", INT64), call),))


def _sort(descending: bool, nulls_first: bool) -> Callable[[ConnectorContract], p.Plan]:
    def plan(c: ConnectorContract) -> p.Plan:
        scan = c.scan(TABLE, "grp", "id")
        keys = (e.SortKey(scan.columns[0].ref(), descending, nulls_first), e.SortKey(scan.columns[1].ref()))
        return p.Sort(scan, keys)

    return plan


def _limit(with_ties: bool) -> Callable[[ConnectorContract], p.Plan]:
    def plan(c: ConnectorContract) -> p.Plan:
        scan = c.scan(TABLE, "n")
        return p.Limit(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)), limit(1), None, with_ties)

    return plan


def _offset(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "id")
    return p.Limit(p.Sort(scan, (e.SortKey(scan.columns[0].ref()),)), limit(2), limit(3))


def _cte(c: ConnectorContract) -> p.Plan:
    scan = c.scan(TABLE, "id")
    first, second = (p.CteScan("few", (c.column("id", INT32),)) for _ in range(2))
    few = p.Filter(scan, e.Call(BOOLEAN, "<", (scan.columns[0].ref(), integer(3))))
    return p.Cte("few", few, p.Join(p.JoinKind.INNER, first, second, _equal(first.columns[0], second.columns[0])))


def _recursive(c: ConnectorContract) -> p.Plan:
    start = p.Values((c.column("i", INT32),), ((integer(1),),))
    before = p.CteScan("numbers", (c.column("i", INT32),))
    i = before.columns[0].ref()
    few = p.Filter(before, e.Call(BOOLEAN, "<", (i, integer(4))))
    step = p.Project(few, ((c.column("i", INT32), e.Call(INT32, "+", (i, integer(1)))),))
    union = p.SetOperation(p.SetKind.UNION, True, start, step, (c.column("i", INT32),))
    return p.Cte("numbers", union, p.CteScan("numbers", (c.column("i", INT32),)), recursive=True)


def _subquery(c: ConnectorContract) -> p.Plan:
    scan, inner = c.scan(TABLE, "id", "n"), c.scan(TABLE, "n")
    highest = p.Aggregate(inner, (), ((c.column("m", INT32), e.Aggregate(INT32, "max", (inner.columns[0].ref(),))),))
    return p.Filter(scan, e.Call(BOOLEAN, "=", (scan.columns[1].ref(), e.Scalar(INT32, highest))))


def _values(c: ConnectorContract) -> p.Plan:
    columns = (c.column("i", INT32), c.column("t", TEXT))
    rows = ((integer(1), e.Literal(TEXT, "x")), (integer(2), e.Literal(TEXT, None)))
    return p.Values(columns, rows)


JOINED: dict[p.JoinKind, Rows] = {
    p.JoinKind.INNER: [(2, 2)],
    p.JoinKind.LEFT: [(1, None), (2, 2)],
    p.JoinKind.RIGHT: [(2, 2), (None, 3), (None, 4), (None, 5), (None, 6)],
    p.JoinKind.FULL: [(1, None), (2, 2), (None, 3), (None, 4), (None, 5), (None, 6)],
    p.JoinKind.SEMI: [(2,)],
    p.JoinKind.ANTI: [(1,)],
}
COMBINED: dict[tuple[p.SetKind, bool], Rows] = {
    (p.SetKind.UNION, True): [(10,), (20,), (None,), (40,), (10,), (40,), (10,), (60,)],
    (p.SetKind.UNION, False): [(10,), (20,), (None,), (40,), (60,)],
    (p.SetKind.INTERSECT, True): [(10,), (40,)],
    (p.SetKind.INTERSECT, False): [(10,), (40,)],
    (p.SetKind.EXCEPT, True): [(10,), (20,), (None,)],
    (p.SetKind.EXCEPT, False): [(20,), (None,)],
}
SORTED: dict[tuple[bool, bool], Rows] = {
    (False, False): [("B", 6), ("a", 1), ("a", 2), ("b", 3), ("b", 5), (None, 4)],
    (False, True): [(None, 4), ("B", 6), ("a", 1), ("a", 2), ("b", 3), ("b", 5)],
    (True, False): [("b", 3), ("b", 5), ("a", 1), ("a", 2), ("B", 6), (None, 4)],
    (True, True): [(None, 4), ("b", 3), ("b", 5), ("a", 1), ("a", 2), ("B", 6)],
}


def _has_join(kind: p.JoinKind) -> Callable[[Capabilities], bool]:
    return lambda sheet: kind in sheet.joins


def _has_set(pair: tuple[p.SetKind, bool]) -> Callable[[Capabilities], bool]:
    return lambda sheet: pair in sheet.set_operations


CASES: tuple[Case, ...] = (
    Case("filters", _flag("filters"), _filter, [(2, 20), (4, 40), (6, 60)]),
    Case("projections", _flag("projections"), _projection, [(11,), (21,), (None,), (41,), (11,), (61,)]),
    *(Case(f"joins {kind}", _has_join(kind), _join(kind), rows) for kind, rows in JOINED.items()),
    Case("lateral", _flag("lateral"), _lateral, [(2, 1), (3, 2), (4, 3), (5, 4), (6, 5)]),
    *(
        Case(f"set_operations {pair[0]}{' all' if pair[1] else ''}", _has_set(pair), _set(*pair), rows)
        for pair, rows in COMBINED.items()
    ),
    Case("aggregates", _flag("aggregates"), _aggregate, [("a", 2, 30), ("b", 2, 10), ("B", 1, 60), (None, 1, 40)]),
    Case("grouping_sets", _flag("grouping_sets"), _grouping_sets, [("a", 2), ("b", 2), ("B", 1), (None, 1), (None, 6)]),
    Case("aggregate_filter", _flag("aggregate_filter"), _aggregate_filter, [(3,)]),
    Case("distinct", _flag("distinct"), _distinct, [("a",), ("b",), ("B",), (None,)]),
    Case("distinct_on", _flag("distinct_on"), _distinct_on, [("a", 2), ("b", 5), ("B", 6), (None, 4)]),
    Case(
        "windows",
        _flag("windows"),
        _window,
        [(1, 10, 10), (2, 20, 30), (3, None, 20), (4, 40, 40), (5, 10, 50), (6, 60, 70)],
    ),
    *(
        Case(
            f"sort {'desc' if pair[0] else 'asc'} nulls {'first' if pair[1] else 'last'}",
            _flag("sort"),
            _sort(*pair),
            rows,
            True,
        )
        for pair, rows in SORTED.items()
    ),
    Case("limit", _flag("limit"), _limit(False), [(10,)]),
    Case("limit offset", _flag("limit"), _offset, [(4,), (5,)], True),
    Case("with_ties", _flag("with_ties"), _limit(True), [(10,), (10,)]),
    Case("ctes", _flag("ctes"), _cte, [(1, 1), (2, 2)]),
    Case("recursive_ctes", _flag("recursive_ctes"), _recursive, [(1,), (2,), (3,), (4,)]),
    Case("subqueries", _flag("subqueries"), _subquery, [(6, 60)]),
    Case("values", _flag("values"), _values, [(1, "x"), (2, None)]),
)
