"""Which conditions a source is sure to apply to the rows of a scan: those that stand over it in what is sent."""

from collections.abc import Iterator

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.walk import expressions, subqueries

Tests = tuple[e.Expr, ...]


def scans(plan: p.Plan, tests: Tests = ()) -> Iterator[tuple[p.Scan, Tests]]:
    """Every scan of a plan, also within subqueries, with the conditions that hold of each of its rows.

    A condition passes down as long as every row from below that it refuses is of no use above: not past a LIMIT, a
    window, groups, or to the side of an outer join whose rows are kept.
    """
    match plan:
        case p.Scan():
            yield plan, tests
            return
        case p.Filter():
            yield from scans(plan.input, (*tests, *e.conjuncts(plan.predicate)))
        case p.Guard() | p.Project() | p.Sort():
            yield from scans(plan.input, tests)
        case p.Distinct(on=()):
            yield from scans(plan.input, tests)
        case p.Join():
            yield from _of_join(plan, tests)
        case p.Cte():
            yield from scans(plan.definition)
            yield from scans(plan.body, tests)
        case _:
            for below in plan.inputs:
                yield from scans(below)
    for node in expressions(plan):
        for inner in subqueries(node):
            yield from scans(inner)


def _of_join(plan: p.Join, tests: Tests) -> Iterator[tuple[p.Scan, Tests]]:
    condition = tuple(e.conjuncts(plan.condition))
    for side, filters, conditions in (
        (plan.left, p.FILTER_INTO_LEFT, p.CONDITION_INTO_LEFT),
        (plan.right, p.FILTER_INTO_RIGHT, p.CONDITION_INTO_RIGHT),
    ):
        above = tests if plan.kind in filters else ()
        yield from scans(side, above + (condition if plan.kind in conditions else ()))
