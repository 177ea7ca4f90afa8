"""What a run shows of its sources: from a plan and its report to what ``cache.observed`` keeps."""

from collections.abc import Iterator, Mapping

from hanse.cache import Fragment, Seen, known_by
from hanse.execute.report import Report
from hanse.ir.fragment import FragmentGraph
from hanse.ir.plan import Filter, Guard, Project, Scan
from hanse.ir.request import RequestGraph
from hanse.ir.signature import signature, tables_of
from hanse.ir.walk import plans, unkeyed

ALONE = (Scan, Filter, Project, Guard)


def known_fragments(graph: FragmentGraph) -> dict[int, Fragment]:
    """What the fragments are known by whose rows depend on nothing but their own tables, or on keys that are only tried."""
    found: dict[int, Fragment] = {}
    for fragment in graph.fragments:
        plan = fragment.plan
        if any(hole.target == fragment.id and hole.is_tried for hole in graph.holes):
            plan = unkeyed(plan)
        text = signature(plan)
        if text is not None:
            is_scan = all(isinstance(node, ALONE) for node in plans(plan))
            found[fragment.id] = known_by(text, tables_of(plan), is_scan)
    return found


def seen(report: Report, requests: RequestGraph, fragments: Mapping[int, Fragment]) -> list[Seen]:
    """What a complete run showed of the sources that it asked."""
    return list(_seen(report, {request.fragment: request.source for request in requests.requests}, fragments))


def _seen(report: Report, sources: Mapping[int, str], fragments: Mapping[int, Fragment]) -> Iterator[Seen]:
    for one in report.sources:
        if one.finished and not one.embedded and one.statements and one.started_ms is not None:
            last = one.started_ms if one.last_row_ms is None else one.last_row_ms
            first = last if one.first_row_ms is None else one.first_row_ms
            whole = max(0.0, last - one.started_ms - one.waited_ms) / 1000
            sending = max(0.0, last - first - one.waited_ms) / 1000
            trip = None if one.round_trip_ms is None else one.round_trip_ms / 1000
            # what run time sent to a shard of its choice is not the fragment that was planned
            is_planned = one.source == sources.get(one.fragment) and (one.is_whole or not one.keys)
            known = fragments.get(one.fragment) if is_planned else None
            yield Seen(one.source, known, one.rows, one.bytes - one.first_bytes, trip, sending, whole)
