"""The completeness statement: what is true of an answer that is made as if the tables that were lost had no rows.

It is derived from the bound plan, whatever is then pushed where. Every operator says how its rows stand to those that it
would have had (``Rows``), and how the values in them do (``Standing``): there is always a row for each of its rows, of which
that is true. What would make rows that are wrong, or let something that is not known decide about rows, is refused:

    SELECT c.name FROM crm.customers c WHERE NOT EXISTS (SELECT FROM shop.orders o WHERE o.customer = c.id)

must not name a customer as one without orders because the orders could not be read. An outer join may have NULL where a
table's ``on_failure`` is null: its columns are then unavailable.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.completeness import Claim, Loss, Rows, Standing
from hanse.ir.tables import Table
from hanse.ir.types import UNSIGNED
from hanse.ir.walk import used
from hanse.policy.shapes import equated, is_unique, sort_below
from hanse.policy.standings import EXACT, LOWER, UNAVAILABLE, UNKNOWN, Standings, is_nonnegative, proven, worse
from hanse.settings import OnFailure

J = p.JoinKind
RANKS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"})
ROUNDS_MAX = 8
"""What is claimed of a recursive CTE only gets weaker, in fewer steps."""
_ORDER = (Rows.ALL, Rows.SOME, Rows.ANY)


class Refused(Exception):
    """No partial answer can be given; the text says why."""


@dataclass(frozen=True, slots=True)
class State:
    """What is true of an operator's rows."""

    rows: Rows = Rows.ALL
    because: frozenset[str] = frozenset()
    """The tables for whose loss rows are missing, or values are not exact, and no NULL shows it."""
    is_empty: bool = False
    """Whether there is certainly no row, for want of these tables."""

    def over(self, other: "State") -> "State":
        """Of a join of both."""
        both = self.is_empty or other.is_empty
        return State(_weaker(self.rows, other.rows), self.because | other.because, both)


def claimed(plan: p.Plan, lost: Callable[[Table], Loss], choices: Callable[[Table], OnFailure]) -> Claim:
    """What is true of the answer without what is ``lost`` of its tables; raises Refused."""
    analysis = _Analysis(lost, choices)
    state = analysis.plan(plan)
    for name in sorted(state.because & analysis.null):
        raise Refused(f"on_failure of {name} is null: only outer joins can do without it")
    standings = [analysis.standings.columns.get(column.id, EXACT) for column in plan.columns]
    if state.rows is Rows.ANY:
        standings = [UNKNOWN for _ in standings]
    return Claim(state.rows, tuple((c.name, one) for c, one in zip(plan.columns, standings, strict=True)))


def _weaker(*rows: Rows) -> Rows:
    return max(rows, key=_ORDER.index)


class _Analysis:
    """One walk over one plan, inputs first."""

    def __init__(self, lost: Callable[[Table], Loss], choices: Callable[[Table], OnFailure]) -> None:
        self.standings = Standings(self._subquery)
        self.null: set[str] = set()
        """Lost tables for which an outer join may have NULL."""
        self._lost = lost
        self._choices = choices
        self._ranks: set[int] = set()
        self._ctes: dict[str, tuple[State, tuple[Standing, ...], tuple[bool, ...]]] = {}
        self._pending: frozenset[str] = frozenset()
        """Tables whose loss was met in the subqueries of the operator at hand."""

    # expressions

    def standing(self, *nodes: e.Expr) -> Standing:
        """Of the expressions together."""
        return worse({self.standings(node) for node in nodes})

    def _met(self, state: State) -> State:
        """The operator's state, with what its subqueries met."""
        met, self._pending = self._pending, frozenset()
        return replace(state, because=state.because | met) if met else state

    def _subquery(self, node: e.Expr) -> Standing:
        assert isinstance(node, e.Scalar | e.Exists | e.Quantified)
        pending, self._pending = self._pending, frozenset()
        state = self.plan(node.plan)
        self._pending = pending
        inner = worse({self.standings.columns.get(column.id, EXACT) for column in node.plan.columns})
        match node:
            case e.Scalar() if state.rows is Rows.SOME:
                self._require_null(state, "a scalar subquery")
                return UNAVAILABLE if inner in (EXACT, UNAVAILABLE) else UNKNOWN
            case e.Quantified(args=args, every=every):
                outer = self.standing(*args)
                is_known = inner is EXACT and outer in (EXACT, UNAVAILABLE)
                found = outer if is_known else UNKNOWN
                if state.rows is not Rows.ALL:
                    found = LOWER if is_known and outer is EXACT and not every and state.rows is Rows.SOME else UNKNOWN
            case e.Exists():
                found = {Rows.ALL: EXACT, Rows.SOME: LOWER, Rows.ANY: UNKNOWN}[state.rows]
            case _:
                found = UNKNOWN if state.rows is Rows.ANY else inner
        self._pending |= state.because
        return found

    def _test(self, condition: e.Expr, what: str) -> Rows:
        """What a condition makes of rows: one that is true here is true, or is refused. Ranks choose among what was read."""
        found = Rows.ALL
        for test in e.conjuncts(condition):
            standing = self.standings(test)
            if standing is UNKNOWN:
                doubtful = [id for id in used([test]) if self.standings.columns.get(id, EXACT) is not EXACT]
                if not doubtful or not self._ranks.issuperset(doubtful):
                    raise Refused(f"{what} decides by what is not known without the lost rows")
            if standing is not EXACT:
                found = _weaker(found, Rows.ANY if standing is UNKNOWN else Rows.SOME)
        return found

    def _require_exact(self, nodes: Iterable[e.Expr], what: str) -> None:
        for node in nodes:
            if self.standings(node) is not EXACT:
                name = f" {node.name}" if isinstance(node, e.Ref) else ""
                raise Refused(f"{what}{name} is not exact without the lost rows")

    def _require_null(self, state: State, what: str) -> None:
        for name in sorted(state.because - self.null):
            raise Refused(f"{what} over {name} would look as if there was nothing, where it could not be read")

    # operators

    def plan(self, node: p.Plan) -> State:
        """The state of an operator's rows; the standing of its columns is noted."""
        return self._met(_OPERATORS.get(type(node), _Analysis._passes)(self, node))

    def _passes(self, node: Any) -> State:
        """Guard and Sort: rows pass."""
        return self.plan(node.input)

    def _scan(self, node: p.Scan) -> State:
        unsigned = {column.id for column in node.columns if column.type.kind in UNSIGNED}
        self.standings.nonnegative |= unsigned
        loss = self._lost(node.table)
        if loss is Loss.NONE:
            return State()
        name = str(node.table)
        match self._choices(node.table):
            case "fail":
                raise Refused(f"on_failure of {name} is fail")
            case "null":
                self.null.add(name)
        return State(Rows.SOME, frozenset((name,)), loss is Loss.WHOLE)

    def _values(self, node: p.Values) -> State:
        for place, column in enumerate(node.outputs):
            self._note(column, self.standing(*(row[place] for row in node.rows)))
        return State()

    def _table_function(self, node: p.TableFunction) -> State:
        is_exact = self.standing(*node.args) is EXACT
        for column in node.outputs:
            self._note(column, EXACT if is_exact else UNKNOWN)
        return State(Rows.ALL if is_exact else Rows.ANY)

    def _note(self, column: e.Column, standing: Standing, nonnegative: bool = False) -> None:
        self.standings.columns[column.id] = standing
        if nonnegative:
            self.standings.nonnegative.add(column.id)

    def _filter(self, node: p.Filter) -> State:
        below = self.plan(node.input)
        rows = self._test(node.predicate, "a condition")
        self.standings.nonnegative |= proven(node.predicate) & {column.id for column in node.columns}
        return below.over(State(rows))

    def _project(self, node: p.Project) -> State:
        below = self.plan(node.input)
        known = self.standings.nonnegative
        for column, value in node.items:
            self._note(column, self.standings(value), is_nonnegative(value, known))
            if isinstance(value, e.Ref) and value.id in self._ranks:
                self._ranks.add(column.id)
        return below

    def _join(self, node: p.Join) -> State:
        left, right = self.plan(node.left), self.plan(node.right)
        both = left.over(right)
        match node.kind:
            case J.INNER | J.SEMI:
                return both.over(State(self._test(node.condition, "a join")))
            case J.ANTI:
                self._require_whole(right, "NOT EXISTS")
                self._require_exact(e.conjuncts(node.condition), "the condition of NOT EXISTS")
                return left
        return self._outer(node, left, right)

    def _require_whole(self, state: State, what: str) -> None:
        if state.rows is not Rows.ALL:
            over = ", ".join(sorted(state.because)) or "an outer join that has NULL for it"
            raise Refused(f"{what} over {over} would keep rows that do not belong to the answer")

    def _outer(self, node: p.Join, left: State, right: State) -> State:
        """Rows without a partner have NULL, where the partner may have been lost too: these columns are unavailable."""
        condition = self.standing(*e.conjuncts(node.condition))
        if condition not in ((EXACT,) if node.kind is J.FULL else (EXACT, UNAVAILABLE)):
            raise Refused("an outer join decides by what is not known without the lost rows")
        result, found = State(), Rows.ALL
        sides = ((left, node.left, node.kind in (J.RIGHT, J.FULL)), (right, node.right, node.kind in (J.LEFT, J.FULL)))
        for state, side, is_optional in sides:
            is_whole = state.rows is Rows.ALL and condition is EXACT
            if is_optional and not is_whole:
                self._require_null(state, "an outer join")
                self._make_unavailable(side, state)
                is_single = node.kind is not J.FULL and is_unique(side, equated(node.condition, side))
                found = _weaker(found, Rows.ALL if is_single and state.rows is not Rows.ANY else Rows.SOME)
                found = _weaker(found, Rows.ANY if state.rows is Rows.ANY else Rows.ALL)
            else:
                result = result.over(state)
        return replace(result.over(State(found)), is_empty=result.is_empty and node.kind is not J.FULL)

    def _make_unavailable(self, side: p.Plan, state: State) -> None:
        for column in side.columns:
            standing = self.standings.columns.get(column.id, EXACT)
            self._note(column, UNAVAILABLE if state.is_empty or standing in (EXACT, UNAVAILABLE) else UNKNOWN)

    def _aggregate(self, node: p.Aggregate) -> State:
        below = self.plan(node.input)
        self._require_exact((key.ref() for key in node.keys), "a group's key")
        for column, call in node.calls:
            known = self.standings.nonnegative | (proven(call.filter) if call.filter else set())
            is_nonnegative_ = call.name == "count" or (
                call.name in ("sum", "min", "max", "avg") and is_nonnegative(call.args[0], known)
            )
            self._note(column, self._called(call, below, is_nonnegative_), is_nonnegative_)
        if not node.keys and node.sets is None:
            return State(Rows.ALL, below.because)
        return replace(below, is_empty=below.is_empty and all(node.sets or ()))

    def _called(self, call: e.Aggregate, below: State, nonnegative: bool) -> Standing:
        args = self.standing(*call.args)
        tested = EXACT if call.filter is None else self.standings(call.filter)
        ordered = self.standing(*(key.expr for key in call.order_by))
        if (below.rows is Rows.ALL and {args, tested, ordered} == {EXACT}) or call.name == "grouping":
            return EXACT
        is_growing = call.name == "count" or (call.name == "sum" and nonnegative)
        is_told_apart = not call.distinct or args is not LOWER
        is_known = below.rows is not Rows.ANY and UNKNOWN not in (args, tested)
        return LOWER if is_growing and is_told_apart and is_known else UNKNOWN

    def _window(self, node: p.Window) -> State:
        below = self.plan(node.input)
        for column, call in node.calls:
            parts = [*call.args, *call.partition_by, *(key.expr for key in call.order_by)]
            parts += [] if call.filter is None else [call.filter]
            is_exact = self.standing(*parts) is EXACT and below.rows is Rows.ALL
            self._note(column, EXACT if is_exact else UNKNOWN)
            if not is_exact and call.name in RANKS:
                self._ranks.add(column.id)
        return below

    def _sort(self, node: p.Sort) -> State:
        below = self.plan(node.input)
        self.standing(*(key.expr for key in node.keys))
        return below

    def _limit(self, node: p.Limit) -> State:
        below = self.plan(node.input)
        sort = sort_below(node.input)
        if below.rows is Rows.ALL and (sort is None or self.standing(*(key.expr for key in sort.keys)) is EXACT):
            return below
        is_any_right = sort is None and node.offset is None and not node.with_ties
        return below if is_any_right else replace(below, rows=Rows.ANY)

    def _distinct(self, node: p.Distinct) -> State:
        below = self.plan(node.input)
        apart = node.on or tuple(column.ref() for column in node.columns)
        self._require_exact(apart, "a column of DISTINCT")
        if not node.on:
            return below
        sort = sort_below(node.input)
        is_first = below.rows is Rows.ALL and self.standing(*(key.expr for key in (sort.keys if sort else ()))) is EXACT
        return below if is_first else replace(below, rows=Rows.ANY)

    def _set_operation(self, node: p.SetOperation) -> State:
        left, right = self.plan(node.left), self.plan(node.right)
        known = self.standings.nonnegative
        for column, *sides in zip(node.outputs, node.left.columns, node.right.columns, strict=True):
            refs = [side.ref() for side in sides]
            self._note(column, self.standing(*refs), all(is_nonnegative(ref, known) for ref in refs))
        if node.kind is not p.SetKind.UNION or not node.all:
            self._require_exact((column.ref() for column in node.outputs), f"a column of {node.kind.upper()}")
        if node.kind is p.SetKind.EXCEPT:
            self._require_whole(right, "EXCEPT")
            return left
        is_union = node.kind is p.SetKind.UNION
        is_empty = left.is_empty and right.is_empty if is_union else left.is_empty or right.is_empty
        return replace(left.over(right), is_empty=is_empty)

    def _cte(self, node: p.Cte) -> State:
        state = self._recursive(node) if node.recursive else self.plan(node.definition)
        self._define(node, state)
        return self.plan(node.body)

    def _define(self, node: p.Cte, state: State) -> None:
        columns = node.definition.columns
        standings = tuple(self.standings.columns.get(column.id, EXACT) for column in columns)
        nonnegative = tuple(column.id in self.standings.nonnegative and not node.recursive for column in columns)
        self._ctes[node.name] = (state, standings, nonnegative)

    def _recursive(self, node: p.Cte) -> State:
        """What is claimed of the definition holds if it follows from itself: by induction over the steps."""
        columns = node.definition.columns
        state, standings = State(), (EXACT,) * len(columns)
        for _ in range(ROUNDS_MAX):
            self._ctes[node.name] = (state, standings, (False,) * len(columns))
            found = state.over(self.plan(node.definition))
            made = (self.standings.columns.get(column.id, EXACT) for column in columns)
            new = tuple(worse({old, now}) for old, now in zip(standings, made, strict=True))
            if (found, new) == (state, standings):
                return state
            state, standings = found, new
        raise Refused("what a recursive query would miss is not known")

    def _cte_scan(self, node: p.CteScan) -> State:
        state, standings, nonnegative = self._ctes[node.name]
        for column, standing, is_never_below in zip(node.outputs, standings, nonnegative, strict=True):
            self._note(column, standing, is_never_below)
        return state


_OPERATORS: Mapping[type[p.Plan], Callable[[_Analysis, Any], State]] = {
    p.Scan: _Analysis._scan,
    p.Values: _Analysis._values,
    p.TableFunction: _Analysis._table_function,
    p.Filter: _Analysis._filter,
    p.Project: _Analysis._project,
    p.Join: _Analysis._join,
    p.Aggregate: _Analysis._aggregate,
    p.Window: _Analysis._window,
    p.Sort: _Analysis._sort,
    p.Limit: _Analysis._limit,
    p.Distinct: _Analysis._distinct,
    p.SetOperation: _Analysis._set_operation,
    p.Cte: _Analysis._cte,
    p.CteScan: _Analysis._cte_scan,
}
