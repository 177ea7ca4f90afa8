'''What a rule is, and what it may ask while it works.

A rule is a class in a file of its own, named in words: verb, object, place. Its module's docstring argues for it:

    """One sentence that says what it does.

        the plan before        =>        the plan after

    When     conditions under which it fires.
    Safe     why no answer changes.
    Not      a counter-example: where it must not fire, NULLs and outer joins first.
    Order    what must run before or after it.
    """

It is registered by one line in ``phases`` and has a golden file ``tests/golden/rules/<name>.plan``.
'''

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hanse.ir.expr import Call, Column, Expr, Literal, conjunction, conjuncts
from hanse.ir.plan import Filter, Guard, Limit, Plan, Project
from hanse.ir.properties import is_volatile
from hanse.ir.types import INT64, Type
from hanse.ir.walk import children, nested, plans, reads, subqueries
from hanse.optimize.estimate import Estimator

RunsThere = Callable[[Plan], bool]


@dataclass(frozen=True, slots=True)
class JoinOrder:
    """One order of inner joins, and what it was expected to cost: bytes that move, and work as such bytes."""

    text: str
    cost: float
    is_chosen: bool


_NONE: frozenset[str] = frozenset()


class Context:
    """Facts about parts of the plan, remembered by identity for as long as one optimization runs."""

    def __init__(
        self,
        plan: Plan | None = None,
        embedded: frozenset[str] = _NONE,
        runs_there: RunsThere | None = None,
        estimator: Estimator | None = None,
    ) -> None:
        self._plan = plan
        self._made = 0
        self.embedded = embedded
        """Sources whose rows the coordinator reads in place: nothing of them moves."""
        self.runs_there: RunsThere = runs_there or (lambda _plan: True)
        """Whether the one source of a plan's tables can run it as a whole."""
        self.estimator = estimator or Estimator()
        self.choices = self.estimator.choices
        """Where rules that estimate note what they chose, and find what they must."""
        self.orders: list[JoinOrder] | None = None
        """Join orders that were considered, where somebody wants to know."""
        self._kept: list[Any] = []
        """Keeps every node alive whose identity is a key below."""
        self._ids: dict[int, frozenset[int]] = {}
        self._movable: dict[int, bool] = {}
        self._obligations: dict[int, frozenset[str]] = {}

    def column(self, name: str, type: Type, nullable: bool = True) -> Column:
        """A new column, whose id no other in the statement has."""
        if not self._made:
            self._made = (
                max((column.id for node in plans(self._plan) for column in node.columns), default=0)
                if self._plan
                else 0
            )
        self._made += 1
        return Column(self._made, name, type, nullable)

    def reads(self, node: Expr) -> frozenset[int]:
        """Ids of the columns that the expression reads, from here or from around."""
        return reads(node)

    def ids(self, plan: Plan) -> frozenset[int]:
        """Ids of the plan's output columns."""
        found = self._ids.get(id(plan))
        if found is None:
            self._kept.append(plan)
            found = self._ids[id(plan)] = frozenset([column.id for column in plan.columns])
        return found

    def is_movable(self, node: Expr) -> bool:
        """Whether the expression answers the same wherever and however often it is computed."""
        found = self._movable.get(id(node))
        if found is None:
            self._kept.append(node)
            found = self._movable[id(node)] = not is_volatile(node)
        return found

    def has_subquery(self, node: Expr) -> bool:
        """Whether the expression holds a subquery: such a one must not be copied, since columns are made only once."""
        return bool(subqueries(node))

    def is_copyable(self, node: Expr) -> bool:
        """Whether the expression may be computed elsewhere, and more than once."""
        return self.is_movable(node) and not self.has_subquery(node)

    def holds_subquery(self, plan: Plan) -> bool:
        """Whether an expression of the operator itself holds a subquery."""
        return bool(nested(plan))

    def obligations(self, plan: Plan) -> frozenset[str]:
        """Obligations of the guards in the plan, also inside subqueries."""
        found = self._obligations.get(id(plan))
        if found is None:
            self._kept.append(plan)
            found = frozenset((plan.obligation,)) if isinstance(plan, Guard) else _NONE
            for child in children(plan):
                below = self.obligations(child)
                if below:
                    found |= below
            self._obligations[id(plan)] = found
        return found


class Rule(Protocol):
    """A rewriting of one operator, or (in phases that say so) of a whole plan."""

    @property
    def name(self) -> str:
        """The name in EXPLAIN STEPS: that of the file."""

    @property
    def matches(self) -> tuple[type[Plan], ...]:
        """The operators that the rule looks at."""

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """The better plan with the same columns and obligations, or None where there is nothing to do."""


def parts(predicate: Expr) -> list[Expr]:
    """The conjuncts of a predicate."""
    return list(conjuncts(predicate))


def filtered(plan: Plan, tests: list[Expr]) -> Plan:
    """The plan under these conjuncts; merged into a Filter that already stands there."""
    from_here = [x for test in tests for x in conjuncts(test)]
    if not from_here:
        return plan
    if isinstance(plan, Filter):
        return Filter(plan.input, joined([*conjuncts(plan.predicate), *from_here]))
    return Filter(plan, joined(from_here))


def joined(tests: list[Expr]) -> Expr:
    """The conjunction of the tests, each of them once."""
    return conjunction(once(tests))


def once(tests: list[Expr]) -> list[Expr]:
    """The tests without repetitions, in order."""
    found: list[Expr] = []
    for test in tests:
        if not any(test is other or test == other for other in found):
            found.append(test)
    return found


def is_limited(plan: Plan) -> bool:
    """Whether the plan yields the first rows of something already."""
    while isinstance(plan, Project):
        plan = plan.input
    return isinstance(plan, Limit)


def last_row(count: Expr, offset: Expr | None) -> Expr:
    """How many first rows hold those that a limit keeps after its offset."""
    if offset is None:
        return count
    if isinstance(count, Literal) and isinstance(offset, Literal):
        return Literal(INT64, None if count.value is None else count.value + (offset.value or 0))
    return Call(INT64, "+", (count, offset))
