"""EXPLAIN: the values of every stage, as text or as plain values for JSON. Explaining is stopping early and printing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hanse.errors import NotConsistent, UserError
from hanse.execute.report import CoordinatorReport, PlanUse, Report, SourceReport
from hanse.ir import text
from hanse.ir.consistency import NOTHING, Terms
from hanse.ir.fragment import Decision, Estimate, Fragment, FragmentGraph, Hole, KeyOrigin, RefusedKeys, amount
from hanse.ir.plan import Plan
from hanse.ir.request import Request, RequestGraph
from hanse.ir.sharding import owner
from hanse.ir.tables import Verdict
from hanse.optimize.rule import JoinOrder
from hanse.policy import Checked

FORMATS = ("text", "json", "bound", "steps", "optimized", "fragments", "sql")


@dataclass(frozen=True, slots=True)
class Stages:
    """What each stage made of one statement."""

    bound: Plan
    steps: tuple[tuple[str, Plan], ...]
    """The plan after each rule that changed it."""
    optimized: Plan
    graph: FragmentGraph
    requests: RequestGraph
    plan: PlanUse | None = None
    """The plan's fingerprint, and whether the query itself would find it in the plan cache."""
    orders: tuple[JoinOrder, ...] = ()
    """Join orders that were considered."""
    guardrails: tuple[Checked, ...] = ()
    """What guardrails demanded, and what came of it."""
    terms: Terms = NOTHING
    """What the query demands of its answer's consistency."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Shards whose tables are assumed, with the reason."""


def as_text(stages: Stages, kinds: Mapping[str, str], format: str, report: Report | None = None) -> str:
    """One stage, or as ``text`` what a reader wants: the fragments, the SQL of each, and what stayed here and why."""
    match format.lower():
        case "text":
            return _overview(stages, kinds, report)
        case "bound":
            return text.tree(stages.bound)
        case "optimized":
            return text.tree(stages.optimized)
        case "steps":
            steps = [("bound", stages.bound), *stages.steps]
            return "\n".join(f"{name}:\n{_indented(text.tree(plan))}" for name, plan in steps)
        case "fragments":
            return _fragments(stages.graph)
        case "sql":
            return _sql(stages.requests, kinds)
        case _:
            raise UserError(f"EXPLAIN has no format {format}", sqlstate="42601", hint=f"one of {', '.join(FORMATS)}")


def _indented(block: str, by: str = "  ") -> str:
    return "\n".join(by + line for line in block.splitlines())


def _fragments(graph: FragmentGraph) -> str:
    lines = ["coordinator:", _indented(text.tree(graph.coordinator))]
    lines += [f"  {_decision(decision)}" for decision in graph.decisions]
    for fragment in graph.fragments:
        lines += [f"f{fragment.id} @{fragment.source}:", _indented(text.tree(fragment.plan))]
        lines += [f"  {_hole(hole, graph)}" for hole in graph.holes if hole.target == fragment.id]
        lines += [f"  {line}" for line in _small_sides(fragment.id, graph)]
        lines += [f"  {_decision(decision)}" for decision in fragment.decisions]
    return "\n".join(lines)


def _sql(requests: RequestGraph, kinds: Mapping[str, str]) -> str:
    lines = [f"f{r.fragment} @{r.source} {_kind(r, kinds)}: {r.sql}" for r in requests.requests]
    if requests.sql is not None:
        lines.append(f"here duckdb: {requests.sql}")
    return "\n".join(lines)


def _kind(request: Request, kinds: Mapping[str, str]) -> str:
    """The kind of the source; ``sharded`` where run time will choose the shard."""
    return kinds.get(request.source) or kinds.get(owner(request.source), "")


def _decision(decision: Decision) -> str:
    verb = {Verdict.EXACT: "sent", Verdict.SUPERSET: "sent, tested again here", Verdict.NO: "stays here"}
    reason = f": {decision.reason}" if decision.reason else ""
    return f"{verb[decision.verdict]}: {decision.what}{reason}"


def _overview(stages: Stages, kinds: Mapping[str, str], report: Report | None) -> str:
    observed = {source.fragment: source for source in report.sources} if report else {}
    lines: list[str] = []
    if stages.requests.direct is not None:
        lines.append(f"Answer: the rows of f{stages.requests.direct}, as they come")
    else:
        lines += ["Here:", _indented(text.tree(stages.graph.coordinator))]
    lines += [f"  {_decision(decision)}" for decision in stages.graph.decisions]
    lines += [f"  {_order(order)}" for order in stages.orders]
    fragments = {fragment.id: fragment for fragment in stages.graph.fragments}
    for request in stages.requests.requests:
        fragment = fragments[request.fragment]
        lines += _request(request, kinds, fragment, observed.get(request.fragment))
        if request.source in stages.unread:
            lines.append(f"    never read, so that this is a guess and is not sent: {stages.unread[request.source]}")
        holes = [hole for hole in stages.graph.holes if hole.target == request.fragment]
        lines += [f"    {_hole(hole, stages.graph)}" for hole in holes]
        lines += [f"    {line}" for line in _small_sides(request.fragment, stages.graph)]
        refused = [keys for keys in stages.graph.refused if keys.target == request.fragment]
        lines += [f"    {_refused(keys, stages.graph)}" for keys in refused]
        lines += [f"    {_decision(decision)}" for decision in fragment.decisions]
    if stages.plan is not None:
        pinned = ", pinned" if stages.plan.pinned else ""
        lines.append(f"Plan: {stages.plan.fingerprint}{pinned}{', in the plan cache' if stages.plan.cached else ''}")
    lines += _guardrails(stages.guardrails)
    lines += _demanded(stages.terms, stages.requests)
    if report is not None:
        moved = f"moved: {report.rows_moved} rows, {report.bytes_moved} bytes"
        rows = f"{report.rows}{_expected(stages.graph.estimate)}"
        lines += _here(report.coordinator) if report.coordinator else []
        lines += [_looked_up(one, one.lookup) for one in report.sources if one.lookup is not None]
        stages_ms = ", ".join(f"{name} {ms:.1f} ms" for name, ms in report.stages_ms.items())
        lines.append(f"Planned: {stages_ms}")
        lines.append(f"Rows: {rows}; {moved}; {report.elapsed_ms:.1f} ms")
        lines += [str(found) for found in (report.consistency, report.completeness) if found]
    return "\n".join(lines)


def _looked_up(one: SourceReport, table: str) -> str:
    ms = (one.last_row_ms or 0.0) - (one.started_ms or 0.0)
    return f"Looked up: {table}, to know where keys are: {one.rows} rows, {one.bytes} bytes, {ms:.1f} ms"


def _guardrails(found: Sequence[Checked]) -> list[str]:
    """Which rules concern the query: ``pay.public.payments requires created_at: kept``."""
    lines = [f"    {one}" for one in found]
    return ["Guardrails:", *lines] if lines else []


def _demanded(terms: Terms, requests: RequestGraph) -> list[str]:
    """What is demanded of the answer's consistency, and why that is refused, as far as one can tell: ``Demanded: STRICT``."""
    if not terms.is_any:
        return []
    try:
        terms.check_sources(request.source for request in requests.requests)
    except NotConsistent as refusal:
        return [f"Demanded: {terms}, refused: {refusal.message}"]
    return [f"Demanded: {terms}"]


def _expected(estimate: Estimate | None) -> str:
    """What was expected, beside what happened."""
    return "" if estimate is None else f" (expected {str(estimate).split()[0]})"


def _order(order: JoinOrder) -> str:
    """A join order: ``joins: (crm.a, crm.b), sales.c: ~1.2 MB``."""
    return f"{'joins' if order.is_chosen else 'refused'}: {order.text}: ~{amount(order.cost)}"


def _refused(keys: RefusedKeys, graph: FragmentGraph) -> str:
    """Keys that are not sent, and why."""
    return f"refused: keys of {_origins(keys.origins, graph)}: {keys.reason} ({keys.weighed})"


def _hole(hole: Hole, graph: FragmentGraph) -> str:
    """Where the keys of a hole come from: ``keys k0 <- f0.id, at most 50,000, then their range or none``; of several columns
    ``f0.(a, b)``."""
    more = "an error" if hole.caps.fails or hole.required else "their range or none"
    whose = " that live on this shard" if hole.home else ""
    late = ""
    if hole.patience is not None:
        time = "" if hole.patience.seconds is None else f" after {hole.patience.seconds:.2g} s without them, or"
        late = f"; all is begun{time} at more than {hole.patience.keys:,}"
    weighed = "" if hole.weighed is None else f" ({hole.weighed})"
    whence = _origins(hole.origins, graph)
    if hole.is_tried:
        return f"keys k{hole.id} <- {whence}, tried while all is read: sent if they are few, at most {hole.keys_max:,}{weighed}"
    return f"keys k{hole.id} <- {whence}{whose}, at most {hole.keys_max:,}; of more, {more}{late}{weighed}"


def _origins(origins: Sequence[KeyOrigin], graph: FragmentGraph) -> str:
    names = {column.id: column.name for fragment in graph.fragments for column in fragment.columns}
    return ", ".join(f"f{origin.fragment}.{_key([names[id] for id in origin.columns])}" for origin in origins)


def _key(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _small_sides(fragment: int, graph: FragmentGraph) -> list[str]:
    """When a fragment is read that stands in the place of others, or these: ``with the rows of f0, at most 1,000 ...``."""
    lines: list[str] = []
    for side in graph.small_sides:
        origins, others = (" and ".join(f"f{id}" for id in ids) for ids in (side.origins, side.instead))
        if fragment == side.target:
            limits = f"at most {side.rows_max:,} and {side.bytes_max:,} bytes"
            lines.append(f"with the rows of {origins}, {limits}; of more, {others} instead")
        elif fragment in side.instead:
            lines.append(f"only if the rows of {origins} are too many for f{side.target}")
    return lines


def _request(request: Request, kinds: Mapping[str, str], fragment: Fragment, seen: SourceReport | None) -> list[str]:
    place = "read in place" if request.embedded else "sent"
    expected = f", {fragment.estimate}" if fragment.estimate else ""
    lines = [
        f"f{request.fragment} @{request.source} ({_kind(request, kinds)}), {place}{expected}:",
        f"    {request.sql}",
    ]
    if request.more:
        lines.append(f"    one of {len(request.statements)} statements, each for a range of the table")
    if request.divided:
        lines.append(f"    without keys {len(request.divided)} statements, each for a range of the table")
    if seen is not None:
        first = "none" if seen.first_row_ms is None else f"{seen.first_row_ms:.1f} ms"
        last = "unknown" if seen.last_row_ms is None else f"{seen.last_row_ms:.1f} ms"
        if request.embedded:
            lines.append(f"    rows read in place {'unknown' if seen.rows_in_place is None else seen.rows_in_place}")
        else:
            sent = f", statements {seen.statements}" if seen.statements > 1 else ""
            rows = f"rows {seen.rows}{_expected(fragment.estimate)}"
            size = "" if fragment.estimate is None else f" (expected ~{fragment.estimate.bytes:,.0f})"
            lines.append(f"    {rows}, bytes {seen.bytes}{size}, first row {first}, last row {last}{sent}")
            lines += [f"    {line}" for line in (_times(seen),) if line]
        lines += [f"    sent again after {failure}" for failure in seen.retried_after]
        lines += [f"    answered by the same statement of query {seen.shared_with}"] if seen.shared_with else []
        if seen.keys:
            shipped = ", ".join("a range or none" if keys is None else str(keys) for keys in seen.keys)
            lines.append(f"    keys shipped: {shipped}")
    return lines


def _times(seen: SourceReport) -> str:
    """When what happened on the way to the first row, and who waited."""
    queued = f"queued {seen.queued_ms:.1f} ms" if seen.queued_ms is not None else ""
    moments = (("sent at", seen.started_ms), ("connected at", seen.connected_ms))
    at = [f"{name} {ms:.1f} ms" for name, ms in moments if ms is not None]
    waited = f"waited {seen.waited_ms:.1f} ms for its reader"
    retries = f"retries {len(seen.retried_after)}"
    return ", ".join(part for part in (queued, *at, waited, retries) if part) if at else queued


def _here(done: CoordinatorReport) -> list[str]:
    """What the coordinator did: ``Computed here: from 3.1 ms, first batch 5.0 ms, last batch 5.2 ms``, and its operators."""
    moments = (("first batch", done.first_batch_ms), ("last batch", done.ended_ms))
    parts = [f"from {done.started_ms:.1f} ms", *(f"{name} {ms:.1f} ms" for name, ms in moments if ms is not None)]
    parts += [f"spilled {done.spilled_bytes:,} bytes"] if done.spilled_bytes else []
    operators = [f"    {'  ' * one.depth}{one.name}: {one.ms:.1f} ms, {one.rows:,} rows" for one in done.operators]
    return [f"Computed here: {', '.join(parts)}", *operators]


def as_dict(stages: Stages, kinds: Mapping[str, str], report: Report | None = None) -> dict[str, Any]:
    """All stages as plain values, for JSON."""
    decisions = {fragment.id: fragment.decisions for fragment in stages.graph.fragments}
    described: dict[str, Any] = {
        "bound": text.as_dict(stages.bound),
        "steps": [{"rule": name, "plan": text.as_dict(plan)} for name, plan in stages.steps],
        "optimized": text.as_dict(stages.optimized),
        "coordinator": {
            "plan": text.as_dict(stages.graph.coordinator),
            "sql": None if stages.requests.sql is None else str(stages.requests.sql),
            "as_written": stages.requests.as_written,
            "decisions": [_decision_dict(decision) for decision in stages.graph.decisions],
        },
        "fragments": [
            {
                "fragment": request.fragment,
                "source": request.source,
                "kind": _kind(request, kinds),
                "embedded": request.embedded,
                "sql": str(request.sql),
                "statements": len(request.statements),
                "unread": stages.unread.get(request.source),
                "plan": text.as_dict(stages.graph.fragments[place].plan),
                "estimate": _estimate_dict(stages.graph.fragments[place].estimate),
                "decisions": [_decision_dict(decision) for decision in decisions.get(request.fragment, ())],
            }
            for place, request in enumerate(stages.requests.requests)
        ],
        "direct": stages.requests.direct,
        "holes": [asdict(hole) for hole in stages.graph.holes],
        "refused": [asdict(keys) for keys in stages.graph.refused],
        "orders": [asdict(order) for order in stages.orders],
        "estimate": _estimate_dict(stages.graph.estimate),
        "guardrails": [asdict(one) for one in stages.guardrails],
        "small_sides": [asdict(side) for side in stages.graph.small_sides],
        "plan": None if stages.plan is None else asdict(stages.plan),
        "demanded": str(stages.terms) or None,
    }
    if report is not None:
        described["report"] = report.to_dict()
    return described


def _estimate_dict(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {"rows": round(estimate.rows), "bytes": round(estimate.bytes), "guess": estimate.guess}


def _decision_dict(decision: Decision) -> dict[str, str]:
    return {"what": decision.what, "verdict": decision.verdict.value, "reason": decision.reason}
