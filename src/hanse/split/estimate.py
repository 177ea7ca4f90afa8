"""How many rows a fragment yields, roughly: enough to tell a small one from a large one. From the tables' own counts."""

from typing import Protocol

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.tables import Table

UNKNOWN_ROWS = 100_000.0
"""Of a table whose source does not say."""
EQUAL, RANGE, OTHER = 0.05, 0.3, 0.5
"""The part of rows that passes a condition of each kind."""
VALUE = 8.0
"""Bytes of a value."""
GROUPS = 0.1
"""Groups per row."""


class Sizes(Protocol):
    """Whoever estimates sizes of plans: better than ``Rough`` knows, if there are statistics."""

    def rows(self, plan: p.Plan) -> float:
        """Rows that the plan yields."""

    def distinct(self, plan: p.Plan, column: int) -> float:
        """Different values of one of its columns."""

    def width(self, plan: p.Plan) -> float:
        """Bytes of one row."""

    def is_guess(self, plan: p.Plan) -> bool:
        """Whether the number of rows rests on nothing that is known, in part."""

    def kept(self, keyed: tuple[p.Plan, int], narrowed: tuple[p.Plan, int]) -> float:
        """The part of one plan's rows whose column has a value that another plan's column has; 0 if nothing is known."""


class Rough:
    """Sizes by the tables' counts alone."""

    def rows(self, plan: p.Plan) -> float:
        """The estimate; never below one."""
        return max(1.0, _rows(plan))

    def distinct(self, plan: p.Plan, column: int) -> float:  # noqa: ARG002 - any column may hold a key
        """As many as there are rows."""
        return self.rows(plan)

    def width(self, plan: p.Plan) -> float:
        """As if all values were numbers."""
        return VALUE * len(plan.columns)

    def is_guess(self, plan: p.Plan) -> bool:  # noqa: ARG002 - rough as it is
        """Always."""
        return True

    def kept(self, keyed: tuple[p.Plan, int], narrowed: tuple[p.Plan, int]) -> float:  # noqa: ARG002 - of no values
        """Nothing is known."""
        return 0.0


def _rows(plan: p.Plan) -> float:
    match plan:
        case p.Scan(table=table):
            return UNKNOWN_ROWS if table.row_count is None else float(table.row_count)
        case (
            p.Filter(input=p.Scan(table=table), predicate=predicate)
            | p.Filter(input=p.Guard(input=p.Scan(table=table)), predicate=predicate)
        ):
            return _filtered(_rows(plan.input), predicate, table)
        case p.Filter():
            return _filtered(_rows(plan.input), plan.predicate, None)
        case p.Join():
            return _joined(plan)
        case p.Aggregate():
            return max(1.0, _rows(plan.input) * GROUPS) if plan.keys else 1.0
        case p.Limit(count=e.Literal(value=int(count))):
            return min(float(count), _rows(plan.input))
        case p.Values():
            return float(len(plan.rows))
        case p.SetOperation():
            return _rows(plan.left) + _rows(plan.right)
        case p.Cte():
            return _rows(plan.body)
        case _:
            return _rows(plan.inputs[0]) if plan.inputs else UNKNOWN_ROWS


def _joined(plan: p.Join) -> float:
    left, right = _rows(plan.left), _rows(plan.right)
    match plan.kind:
        case p.JoinKind.SEMI | p.JoinKind.ANTI:
            return left * OTHER
        case _ if plan.condition == e.TRUE:
            return left * right
        case _:
            return max(left, right)


def _filtered(rows: float, predicate: e.Expr, table: Table | None) -> float:
    for test in e.conjuncts(predicate):
        if table is not None and isinstance(test, e.Call) and test.name == "=" and _is_key(test, table):
            return 1.0
        rows *= _part(test)
    return rows


def _part(test: e.Expr) -> float:
    match test:
        case e.Call(name="="):
            return EQUAL
        case e.InList(items=items):
            return min(OTHER, EQUAL * len(items))
        case e.Call(name="<" | "<=" | ">" | ">=" | "like"):
            return RANGE
        case e.InKeys():
            return EQUAL
        case _:
            return OTHER


def _is_key(test: e.Call, table: Table) -> bool:
    """Whether an equality with a constant fixes a key of one column."""
    names = {ref.name for ref in test.args if isinstance(ref, e.Ref)}
    keys = {key[0] for key in (table.primary_key, *table.unique_keys) if len(key) == 1}
    return len(names) == 1 and bool(names & keys)
