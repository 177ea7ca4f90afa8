"""Cuts the plan: bottom-up, as high as each source goes; numbers the fragments; leaves the rest to the coordinator.

``_Splitter.place`` says of each operator where it stands. A plan that is wholly one source's stays uncut (``Remote``)
until something above it cannot follow; then it becomes a fragment, and a ``FragmentScan`` takes its place here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check, obligations
from hanse.ir.columns import cheapest, exactly
from hanse.ir.fragment import Decision, Fragment, FragmentGraph
from hanse.ir.properties import is_leakproof
from hanse.ir.tables import Verdict
from hanse.ir.walk import expressions, free, map_expressions, map_subqueries, nested, used, with_inputs
from hanse.spi.snapshot import SourceCatalog
from hanse.split.bare import bare_scans
from hanse.split.beside import try_keys
from hanse.split.facts import Facts, facts_of
from hanse.split.operators import join_refuses, refuses
from hanse.split.placement import Placed, Remote, sources_of
from hanse.split.ranges import in_ranges
from hanse.split.residuals import narrowed, revealed
from hanse.split.sharing import share_fragments
from hanse.split.shipping import ship_keys
from hanse.split.sizes import Sizes
from hanse.split.small_sides import ship_rows
from hanse.split.verdict import Judge
from hanse.split.words import name_of, name_of_operator


def split(
    plan: p.Plan,
    sources: Mapping[str, SourceCatalog],
    *,
    pushdown: bool = True,
    key_shipping: str = "on",
    sizes: Sizes,
) -> FragmentGraph:
    """Cut a plan into fragments. Without ``pushdown`` they are bare scans of whole tables.

    ``key_shipping`` is on (where it pays, by ``sizes``), off, or force (wherever it is right).

    The dialects and capabilities of ``sources`` decide; nothing else of a catalog is looked at.
    """
    graph = _Splitter(plan, sources).run() if pushdown else bare_scans(plan)
    if pushdown and key_shipping != "off":
        graph = ship_keys(graph, sources, key_shipping == "force", sizes)
        graph = ship_rows(graph, sources, key_shipping == "force", sizes, _whole_at)
    graph = share_fragments(graph, sources, sizes) if pushdown else graph
    if pushdown and key_shipping == "on":
        graph = try_keys(graph, sources, sizes)
    graph = in_ranges(graph, sizes) if pushdown else graph
    check(graph.coordinator)
    kept = set(obligations(graph.coordinator))
    for fragment in graph.fragments:
        check(fragment.plan)
        kept |= obligations(fragment.plan)
    if kept != obligations(plan):
        raise InternalError("the cut lost an obligation")
    return graph


def runs_there(plan: p.Plan, sources: Mapping[str, SourceCatalog]) -> bool:
    """Whether one of the sources runs the whole plan, so that its rows are all that moves."""
    if not sources_of(plan) <= sources.keys():
        return False
    placed = _Splitter(plan, sources).place(plan, {column.id for column in plan.columns})
    return isinstance(placed, Remote) and not placed.residual


def _whole_at(
    plan: p.Plan, source: str, sources: Mapping[str, SourceCatalog], known: Facts
) -> tuple[p.Plan, tuple[Decision, ...]] | None:
    """The plan as the source runs it as a whole and exactly, if it can, with what was decided; ``known`` are the facts of
    what its FragmentScans yield, whose rows will stand in the query."""
    whole = _Splitter(plan, sources, known).tried(plan, source, set())
    return (whole.plan, whole.decisions) if isinstance(whole, Remote) else None


class _Stays(Exception):
    """While a subplan is tried as a whole: something in it would have to be cut."""


class _Splitter:
    """One cut of one plan."""

    def __init__(self, plan: p.Plan, sources: Mapping[str, SourceCatalog], known: Facts | None = None) -> None:
        self.root = plan
        self.sources = sources
        self.facts = facts_of(plan, known)
        self.fragments: list[Fragment] = []
        self.decisions: list[Decision] = []
        self.trial = False
        self.home: str | None = None
        """The source at which VALUES and table functions are tried."""
        self.around: list[tuple[str, set[int]]] = []
        """Columns of enclosing plans that a subplan under trial may read, and at which source."""
        self.cte_homes: dict[str, str] = {}

    def run(self) -> FragmentGraph:
        """Cut the whole plan."""
        columns = self.root.columns
        placed = self.place(self.root, {column.id for column in columns}, ordered=True)
        if isinstance(placed, Remote) and not placed.residual:
            placed = placed.under(exactly(placed.plan, columns))
            coordinator: p.Plan = self.fragment(placed)
        else:
            coordinator = exactly(self.here(placed, {column.id for column in columns}, ordered=True), columns)
        return FragmentGraph(tuple(self.fragments), coordinator, tuple(self.decisions))

    # -- where an operator stands

    def place(self, node: p.Plan, needed: set[int], ordered: bool = False) -> Placed:
        """Place a plan of whose columns ``needed`` are read above; ``ordered``: somebody above sees the order of rows."""
        match node:
            case p.Scan():
                return Remote(node.table.source, node)
            case p.Filter():
                return self.filter(node, needed, ordered)
            case p.Project():
                return self.project(node, ordered)
            case p.Guard():
                return self.guard(node, needed, ordered)
            case p.Join():
                return self.join(node, needed)
            case p.SetOperation():
                return self.set_operation(node)
            case p.Cte():
                return self.cte(node, needed, ordered)
            case p.CteScan():
                home = self.cte_homes.get(node.name)
                return Remote(home, node) if home else node
            case p.Values() | p.TableFunction():
                return self.leaf(node)
            case p.FragmentScan() if self.home:
                return Remote(self.home, node)  # rows of another fragment, which are written into the query
            case p.Sort() if not ordered:
                return self.place(node.input, needed)
        return self.single(node, needed)

    def single(self, node: p.Plan, needed: set[int]) -> Placed:
        """Aggregate, Window, Distinct, Sort, Limit: over an exact fragment and as a whole, or here."""
        below = node.inputs[0]
        sees_order = isinstance(node, p.Limit) or (isinstance(node, p.Distinct) and bool(node.on))
        whole = isinstance(node, p.Distinct) and not node.on
        wanted = used(expressions(node)) if isinstance(node, p.Aggregate) else needed | used(expressions(node))
        wanted = {column.id for column in below.columns} if whole else wanted
        placed = self.place(below, wanted, sees_order)
        reason = "its input is computed here"
        if isinstance(placed, Remote):
            reason = "its input is tested again here" if placed.residual else ""
            reason = reason or refuses(with_inputs(node, (placed.plan,)), self.judge(placed.source, placed.ids))
            if not reason:
                return placed.under(with_inputs(node, (placed.plan,)))
        self.stays(node, reason)
        under = self.here(placed, wanted, sees_order)
        return self.local(with_inputs(node, (exactly(under, below.columns) if whole else under,)))

    def filter(self, node: p.Filter, needed: set[int], ordered: bool) -> Placed:
        """Each conjunct by itself: down, down and again here, or here."""
        placed = self.place(node.input, needed | used((node.predicate,)), ordered)
        if not isinstance(placed, Remote):
            return self.local(p.Filter(placed, node.predicate))
        judge = self.judge(placed.source, placed.ids)
        down: list[e.Expr] = []
        residual: list[e.Expr] = []
        decisions: list[Decision] = []
        for test in e.conjuncts(node.predicate):
            verdict, reason = self.verdict(test, placed, judge)
            if verdict is not Verdict.NO:
                down.append(test)
            if verdict is not Verdict.EXACT:
                residual.append(test)
            decisions.append(Decision(name_of(test), verdict, reason))
        return replace(
            placed,
            plan=_filtered(placed.plan, down),
            residual=(*placed.residual, *residual),
            decisions=(*placed.decisions, *decisions),
        )

    def verdict(self, test: e.Expr, placed: Remote, judge: Judge) -> tuple[Verdict, str]:
        """What the source may do with one conjunct over its rows."""
        capabilities = self.sources[placed.source].capabilities
        if not capabilities.filters:
            return Verdict.NO, capabilities.reason("filters")
        if placed.is_closed and not is_leakproof(test):
            return Verdict.NO, "a policy guards these rows and the condition could reveal them"
        opinion = judge.expr(test)
        return opinion.verdict, opinion.reason

    def project(self, node: p.Project, ordered: bool) -> Placed:
        """As a whole if every item is EXACT; else what can be computed there, and the rest here."""
        placed = self.place(node.input, used(x for _, x in node.items), ordered)
        if not isinstance(placed, Remote):
            return self.local(p.Project(placed, node.items))
        judge = self.judge(placed.source, placed.ids)
        reasons = [self.item(value, placed, judge) for _, value in node.items]
        there = tuple(item for item, reason in zip(node.items, reasons, strict=True) if not reason)
        kept = {column.id for column, _ in there}
        if len(there) == len(node.items):
            more = used(placed.residual) - kept
            hidden = tuple((column, column.ref()) for column in placed.plan.columns if column.id in more)
            return placed.under(p.Project(placed.plan, there + hidden))
        for (column, value), reason in zip(node.items, reasons, strict=True):
            if reason:
                placed = replace(
                    placed, decisions=(*placed.decisions, _no(f"{name_of(value)} as {column.name}", reason))
                )
        return self.partial(node, placed, there, ordered)

    def item(self, value: e.Expr, placed: Remote, judge: Judge) -> str:
        """Why an item of a projection stays here, or the empty text."""
        if isinstance(value, e.Ref) and value.id in judge.visible:
            return ""
        capabilities = self.sources[placed.source].capabilities
        if not capabilities.projections:
            return capabilities.reason("projections")
        if placed.residual:
            return "its input is tested again here"
        if value.type.kind in judge.dialect.no_columns:
            return f"its answers have no column of type {value.type}"
        opinion = judge.expr(value)
        return "" if opinion.is_exact else opinion.reason or "it is not exact there"

    def partial(
        self, node: p.Project, placed: Remote, there: tuple[tuple[e.Column, e.Expr], ...], ordered: bool
    ) -> p.Plan:
        """Items that the source computes, over there; the others here, from the columns that they need."""
        done = {column.id for column, _ in there}
        rest = used(value for column, value in node.items if column.id not in done) | used(placed.residual)
        passed = tuple((c, c.ref()) for c in placed.plan.columns if c.id in rest - done)
        if not there + passed and placed.plan.columns:
            # items of constants alone: the rows still have to come, and rows have a column
            passed = ((least := cheapest(placed.plan.columns), least.ref()),)
        below = self.here(placed.under(p.Project(placed.plan, there + passed)), done | rest, ordered)
        items = tuple((c, c.ref() if c.id in done else x) for c, x in node.items)
        return self.local(p.Project(below, items))

    def guard(self, node: p.Guard, needed: set[int], ordered: bool) -> Placed:
        """With its input; a closed guard does not go below a test that is made here."""
        placed = self.place(node.input, needed, ordered)
        if isinstance(placed, Remote) and (node.is_open or not placed.residual):
            closed = placed.is_closed or not node.is_open
            return replace(placed, plan=replace(node, input=placed.plan), is_closed=closed)
        return replace(node, input=self.here(placed, needed, ordered))

    # -- joins

    def join(self, node: p.Join, needed: set[int]) -> Placed:
        """There if both sides are one source's and the condition is EXACT; tests of an inner join may stay above."""
        wanted = needed | used((node.condition,))
        if node.lateral:
            wanted |= used(x for x in _all_expressions(node.right))
        left = self.place(node.left, wanted)
        if node.lateral and isinstance(left, Remote) and not left.residual:
            whole = self.tried(node.right, left.source, left.ids)
            joined = self.together(node, left, whole) if isinstance(whole, Remote) else whole
            if isinstance(joined, Remote):
                return joined
        right = self.place(node.right, wanted)
        left = self.follow(node.left, left, right)
        right = self.follow(node.right, right, left)
        joined = self.together(node, left, right)
        if isinstance(joined, Remote):
            return joined
        self.stays(node, joined)
        return self.local(with_inputs(node, (self.here(left, wanted), self.here(right, wanted))))

    def follow(self, node: p.Plan, placed: Placed, other: Placed) -> Placed:
        """A side that reads no table goes where the other one is, if it can."""
        if isinstance(placed, Remote) or not isinstance(other, Remote) or sources_of(node):
            return placed
        whole = self.tried(node, other.source, set())
        return whole if isinstance(whole, Remote) else placed

    def together(self, node: p.Join, left: Placed, right: Placed) -> Remote | str:
        """The join at the source of both sides, or why it stays here."""
        if not (isinstance(left, Remote) and isinstance(right, Remote)):
            return "one side is computed here"
        if left.source != right.source:
            return f"joins sources {left.source} and {right.source}"
        if (left.residual and node.kind not in p.FILTER_INTO_LEFT) or (
            right.residual and node.kind not in p.FILTER_INTO_RIGHT
        ):
            return "one side is tested again here"
        judge = self.judge(left.source, left.ids | right.ids)
        reason = join_refuses(node, judge) or _multiplies(node, left, right)
        if reason:
            return reason
        closed = left.is_closed or right.is_closed
        both = Remote(left.source, node, (*left.residual, *right.residual), left.decisions + right.decisions, closed)
        return self.conditioned(node, left, right, both, judge)

    def conditioned(self, node: p.Join, left: Remote, right: Remote, both: Remote, judge: Judge) -> Remote | str:
        """The join with its condition there; what cannot go may stay above an inner join."""
        down: list[e.Expr] = []
        residual: list[e.Expr] = []
        decisions: list[Decision] = []
        for test in e.conjuncts(node.condition):
            verdict, reason = self.verdict(test, both, judge)
            if verdict is not Verdict.EXACT:
                if node.kind is not p.JoinKind.INNER:
                    return f"{name_of(test)}: {reason}"
                residual.append(test)
                decisions.append(Decision(name_of(test), verdict, reason))
            if verdict is not Verdict.NO:
                down.append(test)
        new = replace(node, left=left.plan, right=right.plan, condition=e.conjunction(down))
        reason = _multiplies(new, left, right)
        if reason:
            return f"{decisions[0].what}: {decisions[0].reason}" if decisions else reason
        return replace(both, plan=new, residual=(*both.residual, *residual), decisions=(*both.decisions, *decisions))

    # -- set operations, WITH, leaves

    def set_operation(self, node: p.SetOperation) -> Placed:
        """There if both sides are exact fragments of one source."""
        left, right = (self.place(side, {c.id for c in side.columns}) for side in node.inputs)
        left = self.follow(node.left, left, right)
        right = self.follow(node.right, right, left)
        reason = "one side is computed here"
        if isinstance(left, Remote) and isinstance(right, Remote):
            reason = "one side is tested again here" if left.residual or right.residual else ""
            if left.source != right.source:
                reason = f"combines sources {left.source} and {right.source}"
            there = (exactly(left.plan, node.left.columns), exactly(right.plan, node.right.columns))
            reason = reason or refuses(node, self.judge(left.source, left.ids | right.ids))
            if not reason:
                closed = left.is_closed or right.is_closed
                decisions = left.decisions + right.decisions
                return Remote(left.source, with_inputs(node, there), (), decisions, closed)
        self.stays(node, reason)
        sides = zip((left, right), node.inputs, strict=True)
        return with_inputs(node, tuple(exactly(self.here(x, {c.id for c in y.columns}), y.columns) for x, y in sides))

    def cte(self, node: p.Cte, needed: set[int], ordered: bool) -> Placed:
        """As a whole at the one source of all its parts; else the definition and the body each where they can be."""
        sources = sources_of(node)
        reason = f"reads sources {' and '.join(sorted(sources))}"
        if len(sources) == 1:
            source = next(iter(sources))
            whole = self.whole_cte(node, source, needed, ordered)
            if isinstance(whole, Remote):
                return whole
            reason = whole
        if self.trial:
            raise _Stays(reason)
        self.stays(node, reason)
        columns = node.definition.columns
        if node.recursive:
            definition = self.recursive(node.definition)
        else:
            ids = {column.id for column in columns}
            definition = exactly(self.here(self.place(node.definition, ids), ids), columns)
        body = self.here(self.place(node.body, needed, ordered), needed, ordered)
        return replace(node, definition=definition, body=body)

    def recursive(self, node: p.Plan) -> p.Plan:
        """The union of a recursive CTE stays here; its sides are cut as they can be."""
        sides = []
        for side in node.inputs:
            ids = {column.id for column in side.columns}
            sides.append(exactly(self.here(self.place(side, ids), ids), side.columns))
        return with_inputs(node, tuple(sides))

    def whole_cte(self, node: p.Cte, source: str, needed: set[int], ordered: bool) -> Remote | str:
        """The CTE at its one source, or why it stays here."""
        capabilities = self.sources[source].capabilities
        field = "recursive_ctes" if node.recursive else "ctes"
        if not getattr(capabilities, field):
            return capabilities.reason(field)
        self.cte_homes[node.name] = source
        ids = {column.id for column in node.definition.columns}
        definition = self.attempt(source, None, lambda: self.place(node.definition, ids))
        if isinstance(definition, Remote) and definition.residual:
            definition = "a condition in its definition is tested again here"
        body = definition
        if isinstance(definition, Remote):
            body = self.attempt(source, None, lambda: self.place(node.body, needed, ordered))
        if isinstance(definition, Remote) and isinstance(body, Remote):
            plan = exactly(definition.plan, node.definition.columns)
            closed = definition.is_closed or body.is_closed
            decisions = definition.decisions + body.decisions
            return replace(
                body, plan=replace(node, definition=plan, body=body.plan), decisions=decisions, is_closed=closed
            )
        del self.cte_homes[node.name]
        return body if isinstance(body, str) else "its definition stays here"

    def leaf(self, node: p.Plan) -> Placed:
        """VALUES or a table function: here, unless a source is being tried."""
        if self.home:
            reason = refuses(node, self.judge(self.home, set()))
            if not reason:
                return Remote(self.home, node)
        return self.local(node)

    # -- trials

    def tried(self, node: p.Plan, source: str, visible: set[int]) -> Remote | str:
        """The plan as a whole and exactly at ``source``, where it may read ``visible`` from around; or why not."""
        ids = {column.id for column in node.columns}
        placed = self.attempt(source, visible, lambda: self.place(node, ids))
        if isinstance(placed, Remote):
            if placed.residual:
                return "a condition in it is tested again here"
            return placed.under(exactly(placed.plan, node.columns))
        return placed

    def attempt(self, source: str, visible: set[int] | None, place: Callable[[], Placed]) -> Remote | str:
        """Place something without cutting; the reason if that is not possible at ``source``."""
        with self.trying(source, visible):
            try:
                placed = place()
            except _Stays as stays:
                return str(stays)
        if not isinstance(placed, Remote):
            return "it is computed here"
        return placed if placed.source == source else f"it reads source {placed.source}"

    @contextmanager
    def trying(self, source: str, visible: set[int] | None) -> Iterator[None]:
        """Nothing is cut in here, and leaves without a table are the source's."""
        before = self.trial, self.home
        self.trial, self.home = True, source
        if visible is not None:
            self.around.append((source, visible))
        try:
            yield
        finally:
            self.trial, self.home = before
            if visible is not None:
                self.around.pop()

    def judge(self, source: str, visible: set[int]) -> Judge:
        """A judge of expressions over these columns of a source (and those around, if they are there too)."""
        seen = visible.union(*(ids for name, ids in self.around if name == source))

        def subquery(plan: p.Plan) -> str | None:
            whole = self.tried(plan, source, seen)
            return whole if isinstance(whole, str) else None

        return Judge(self.sources[source], self.facts, seen, subquery)

    # -- the coordinator's side

    def here(self, placed: Placed, needed: set[int], ordered: bool = False) -> p.Plan:
        """The rows of a placed plan at the coordinator: cut if it is a source's, and its residual tested."""
        if not isinstance(placed, Remote):
            return placed
        plan, keys = revealed(placed.plan) if ordered else (placed.plan, ())
        wanted = needed | used(placed.residual) | used(key.expr for key in keys)
        rows = self.fragment(placed.under(narrowed(plan, wanted)))
        if placed.residual:
            rows = self.local(p.Filter(rows, e.conjunction(placed.residual)))
        return self.local(p.Sort(rows, keys)) if keys else rows

    def fragment(self, placed: Remote) -> p.Plan:
        """Make a fragment of the plan."""
        if self.trial:
            raise _Stays(next((d.reason for d in placed.decisions if d.verdict is Verdict.NO), "part of it stays here"))
        fragment = Fragment(len(self.fragments), placed.source, placed.plan, placed.decisions)
        self.fragments.append(fragment)
        return p.FragmentScan(fragment.id, fragment.columns)

    def local(self, node: p.Plan) -> p.Plan:
        """The operator, with the subqueries of its expressions cut too."""
        if nested(node):
            return map_expressions(node, lambda x: map_subqueries(x, self.subplan))
        return node

    def subplan(self, plan: p.Plan) -> p.Plan:
        """The plan of a subquery that is computed here."""
        ids = {column.id for column in plan.columns}
        return exactly(self.here(self.place(plan, ids), ids), plan.columns)

    def stays(self, node: p.Plan, reason: str) -> None:
        """Note why an operator stayed here."""
        if self.trial:
            raise _Stays(f"{name_of_operator(node)}: {reason}")
        self.decisions.append(_no(name_of_operator(node), reason))


def _no(what: str, reason: str) -> Decision:
    return Decision(what, Verdict.NO, reason)


def _filtered(plan: p.Plan, tests: list[e.Expr]) -> p.Plan:
    if not tests:
        return plan
    if isinstance(plan, p.Filter):
        return p.Filter(plan.input, e.conjunction([*e.conjuncts(plan.predicate), *tests]))
    return p.Filter(plan, e.conjunction(tests))


def _multiplies(node: p.Join, left: Remote, right: Remote) -> str:
    """A join without an equation of both sides yields more rows than it reads: cheaper here."""
    if node.kind in (p.JoinKind.SEMI, p.JoinKind.ANTI) or (node.lateral and not left.ids.isdisjoint(free(right.plan))):
        return ""
    on_left, on_right = left.ids, right.ids
    for test in e.conjuncts(node.condition):
        if isinstance(test, e.Call) and test.name in ("=", "is_not_distinct"):
            one, other = used(test.args[:1]), used(test.args[1:])
            if (one <= on_left and other <= on_right) or (one <= on_right and other <= on_left):
                return ""
    return "without an equality between its sides it yields more rows than it reads"


def _all_expressions(plan: p.Plan) -> Iterator[e.Expr]:
    yield from expressions(plan)
    for child in plan.inputs:
        yield from _all_expressions(child)
