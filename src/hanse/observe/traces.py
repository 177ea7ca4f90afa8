"""OpenTelemetry spans of what has ended: one of the query, a child for each request to a source, with the names of the stable
conventions for databases. They are made from records, with the times that these hold, by the thread that writes these.

Only imported where traces are wanted. See https://opentelemetry.io/docs/specs/semconv/database/database-spans/.
"""

from collections.abc import Callable
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from hanse.observe.records import FAILED, FINISHED, Leg, Record

SUMMARY_MAX = 255
SYSTEMS = {"postgres": "postgresql", "mysql": "mysql", "sqlite": "sqlite"}
"""The conventions' names of kinds; for those that they do not know, ``other_sql``."""


class Traces:
    """A listener that makes spans."""

    def __init__(
        self, provider: trace.TracerProvider | None = None, close: Callable[[], object] = lambda: None
    ) -> None:
        """Give them to this provider, or to that of the program around; ``close`` sends what waits to be sent."""
        self._tracer: Tracer = trace.get_tracer("hanse", tracer_provider=provider)
        self.close = close

    def began(self) -> Any:
        """The trace that the caller's own code is in."""
        return contexts.get_current()

    def ended(self, record: Record, context: Any) -> None:
        """Make the spans of a query."""
        facts = record.facts
        tables = list(dict.fromkeys(table for leg in facts.legs for table in leg.tables.split(", ") if table))
        operation = record.statement.partition(" ")[0].upper()
        attributes: dict[str, Any] = {
            "db.system.name": "other_sql",
            "db.operation.name": operation,
            "db.query.text": record.statement,
            "db.query.summary": _summary(operation, tables),
            "hanse.query.id": record.id,
            "hanse.query.kind": record.kind,
            "hanse.query.fingerprint": record.fingerprint,
            "hanse.query.state": facts.state,
            "hanse.rows": facts.rows,
            "hanse.bytes": facts.bytes,
            "hanse.bytes_moved": record.bytes_moved,
            "hanse.spilled_bytes": facts.spilled_bytes,
        }
        attributes |= {f"hanse.{name}_ms": ms for name, ms in facts.stages.items()}
        attributes |= {"hanse.plan": facts.plan} if facts.plan else {}
        start = _nanoseconds(record.started)
        root = self._tracer.start_span(
            _summary(operation, tables), context, SpanKind.SERVER, attributes, start_time=start
        )
        _status(root, record.error, facts.state)
        inside = trace.set_span_in_context(root, contexts.Context())
        for leg in facts.legs:
            self._leg(record, leg, inside)
        root.end(start + round(facts.total_ms * 1e6))

    def _leg(self, record: Record, leg: Leg, inside: Any) -> None:
        tables = [table for table in leg.tables.split(", ") if table]
        attributes: dict[str, Any] = {
            "db.system.name": SYSTEMS.get(leg.kind, "other_sql"),
            "db.namespace": leg.source,
            "db.operation.name": "SELECT",
            "db.query.text": leg.sql,
            "db.query.summary": _summary("SELECT", tables),
            "db.response.returned_rows": leg.rows,
            "hanse.query.id": record.id,
            "hanse.fragment": leg.fragment,
            "hanse.source": leg.source,
            "hanse.bytes": leg.bytes,
            "hanse.statements": leg.statements,
            "hanse.retries": leg.retries,
            "hanse.queued_ms": leg.queued_ms or 0.0,
            "hanse.waited_ms": leg.waited_ms,
        }
        attributes |= {"db.collection.name": tables[0]} if len(tables) == 1 else {}
        start, last = leg.started_ms or 0.0, leg.last_row_ms
        span = self._tracer.start_span(
            _summary("SELECT", tables),
            inside,
            SpanKind.CLIENT,
            attributes,
            start_time=_nanoseconds(record.started, start),
        )
        for name, ms in (("connected", leg.connected_ms), ("first row", leg.first_row_ms)):
            if ms is not None:
                span.add_event(name, timestamp=_nanoseconds(record.started, ms))
        is_cause = record.error is not None and record.error_source == leg.source
        _status(span, record.error if is_cause else None, FAILED if is_cause else FINISHED)
        span.end(_nanoseconds(record.started, record.facts.total_ms if last is None else last))


def _summary(operation: str, tables: list[str]) -> str:
    return " ".join([operation, *tables])[:SUMMARY_MAX]


def _status(span: Span, error: str | None, state: str) -> None:
    if error is not None:
        span.set_attribute("db.response.status_code", error)
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR, state))


def _nanoseconds(started: float, ms: float = 0.0) -> int:
    return round(started * 1e9) + round(ms * 1e6)


def exported(exporter: SpanExporter) -> Traces:
    """Traces that go to an exporter of their own, in batches, by a thread of its own."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "hanse"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, provider.shutdown)
