"""Runs the phases: one walk per phase, rules found by the class of the operator, everything checked and counted.

After every rewrite the operator must still yield the same columns and hold the same obligations; the whole plan is
validated at the end.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hanse.errors import InternalError
from hanse.ir.check import check, same_outputs
from hanse.ir.expr import Expr
from hanse.ir.plan import Guard, Plan
from hanse.ir.walk import map_expr, map_expressions, plans, type_of_subquery, with_inputs
from hanse.optimize.estimate import Estimator
from hanse.optimize.phases import PHASES, Phase, Walk
from hanse.optimize.rule import Context, JoinOrder, Rule, RunsThere

REWRITES_MAX = 20_000
"""More rewrites than that in one plan are a cycle of rules, not work."""

LEAVES_OUT_TABLES = frozenset({"eliminate_joins"})
"""Rules after which a table may not be read at all."""
Recorder = Callable[[str, Plan], None]


@dataclass(slots=True)
class Recording:
    """A recorder that keeps everything: the plan after each rule that fired, and the join orders that were considered."""

    steps: list[tuple[str, Plan]] = field(default_factory=list)
    orders: list[JoinOrder] = field(default_factory=list)

    def __call__(self, name: str, plan: Plan) -> None:
        """A rule fired, and made the whole plan this."""
        self.steps.append((name, plan))


def optimize(
    plan: Plan,
    *,
    recorder: Recorder | None = None,
    embedded: frozenset[str] = frozenset(),
    runs_there: RunsThere | None = None,
    estimator: Estimator | None = None,
) -> Plan:
    """Improve a bound plan. ``recorder`` is told the name of each rule that fired and the whole plan after it;
    ``embedded`` are the sources whose rows need not move, for they are read in place; ``runs_there`` says whether the one
    source of a plan's tables can run it as a whole (where it is not given, every source can); ``estimator`` knows what is
    remembered of earlier runs, and of earlier choices."""
    run = _Run(plan, recorder, Context(plan, embedded, runs_there, estimator))
    for phase in PHASES:
        run.phase(phase)
    check(run.root)
    return run.root


class _Run:
    """One optimization: the plan so far, its recorder, and the count of rewrites."""

    def __init__(self, plan: Plan, recorder: Recorder | None, context: Context) -> None:
        self.root = plan
        self.recorder = recorder
        self.context = context
        if isinstance(recorder, Recording):
            context.orders = recorder.orders
        self.counts: Counter[str] = Counter()
        self.around: list[Callable[[Plan], Plan]] = []
        """How to put the operator at hand back into the whole plan, outermost first."""
        self.rules: dict[type[Plan], list[Rule]] = {}

    def phase(self, phase: Phase) -> None:
        """Run one phase over the whole plan."""
        if phase.only_after and not any(self.counts[name] for name in phase.only_after):
            return
        if phase.walk is Walk.WHOLE:
            for rule in phase.rules:
                self.root = self.try_rule(rule, self.root) or self.root
            return
        if phase.index.keys().isdisjoint(map(type, plans(self.root))):
            return
        self.rules = phase.index
        self.root = self.down(self.root) if phase.walk is Walk.DOWN else self.up(self.root)

    def down(self, node: Plan) -> Plan:
        """Rules at the operator first, then below."""
        return self.below(self.rewrite(node), self.down)

    def up(self, node: Plan) -> Plan:
        """Rules below first, then at the operator."""
        return self.rewrite(self.below(node, self.up))

    def rewrite(self, node: Plan) -> Plan:
        """Apply the operator's rules, in order, until none of them fires."""
        fired = True
        while fired and (rules := self.rules.get(type(node))):
            fired = False
            for rule in rules:
                new = self.try_rule(rule, node)
                if new is not None:
                    node, fired = new, True
                    break
        return node

    def below(self, node: Plan, walk: Callable[[Plan], Plan]) -> Plan:
        """Walk the plans of subqueries in the operator, then its inputs."""
        if self.context.holds_subquery(node):
            node = map_expressions(node, lambda x: self.within(node, x, walk))
        inputs = list(node.inputs)
        for place, child in enumerate(inputs):
            if self.recorder:
                self.around.append(_put_input(node, inputs, place))
            inputs[place] = walk(child)
            if self.recorder:
                self.around.pop()
        return with_inputs(node, tuple(inputs)) if inputs else node

    def within(self, node: Plan, value: Expr, walk: Callable[[Plan], Plan]) -> Expr:
        """Walk the plans of the subqueries of one expression."""

        def visit(part: Expr) -> Expr:
            if not isinstance(part, type_of_subquery):
                return part
            if self.recorder:
                self.around.append(_put_subquery(node, part.plan))
            new = walk(part.plan)
            if self.recorder:
                self.around.pop()
            return part if new is part.plan else replace(part, plan=new)

        return map_expr(value, visit)

    def try_rule(self, rule: Rule, node: Plan) -> Plan | None:
        """Apply a rule and hold it to what rules promise."""
        new = rule.apply(node, self.context)
        if new is None or new is node:
            return None
        self.counts[rule.name] += 1
        if self.counts.total() > REWRITES_MAX:
            raise InternalError(f"the optimizer does not come to an end: {dict(self.counts)}")
        if not same_outputs(node, new):
            raise InternalError(f"{rule.name} changed the columns of a plan")
        if not self.keeps_obligations(rule, node, new):
            raise InternalError(f"{rule.name} lost or invented an obligation")
        if self.recorder:
            self.record(rule.name, new)
        return new

    def keeps_obligations(self, rule: Rule, old: Plan, new: Plan) -> bool:
        """Whether the obligations are the same, but for those of open guards over tables that need not be read."""
        before, after = self.context.obligations(old), self.context.obligations(new)
        if before == after or rule.name not in LEAVES_OUT_TABLES:
            return before == after
        closed = {node.obligation for node in plans(old) if isinstance(node, Guard) and not node.is_open}
        return closed <= after < before

    def record(self, name: str, node: Plan) -> None:
        """Tell the recorder about the whole plan with ``node`` in its place."""
        assert self.recorder
        for put in reversed(self.around):
            node = put(node)
        self.recorder(name, node)


def _put_input(node: Plan, inputs: list[Plan], place: int) -> Callable[[Plan], Plan]:
    return lambda new: with_inputs(node, (*inputs[:place], new, *inputs[place + 1 :]))


def _put_subquery(node: Plan, old: Plan) -> Callable[[Plan], Plan]:
    def visit(part: Expr, new: Plan) -> Expr:
        return replace(part, plan=new) if isinstance(part, type_of_subquery) and part.plan is old else part

    return lambda new: map_expressions(node, lambda x: map_expr(x, lambda y: visit(y, new)))
