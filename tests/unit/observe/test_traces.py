"""Spans: one of the query, a child for each request, the names of the conventions, the caller's trace around them, no values."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv.attributes import db_attributes, error_attributes
from opentelemetry.trace import SpanKind, StatusCode

from hanse.observe.traces import SUMMARY_MAX, Traces
from tests.unit.observe.test_store import FACTS, LEG, RECORD


def spans(*records: object) -> list[ReadableSpan]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = Traces(provider)
    for record in records:
        with provider.get_tracer("around").start_as_current_span("around"):
            context = traces.began()
        traces.ended(record, context)  # type: ignore[arg-type]  # when the caller's code has gone on
    return [span for span in exporter.get_finished_spans() if span.name != "around"]


def test_a_query_and_its_requests() -> None:
    first, second, root = spans(RECORD)
    assert (root.name, root.kind, root.parent is not None) == ("SELECT public.t", SpanKind.SERVER, True)
    assert root.start_time == 1_000_000_000_000 == round(RECORD.started * 1e9)
    assert root.end_time is not None and root.end_time - root.start_time == 4_000_000
    told = dict(root.attributes or {})
    assert told[db_attributes.DB_QUERY_TEXT] == "SELECT ?"
    assert told[db_attributes.DB_QUERY_SUMMARY] == "SELECT public.t"
    assert told[db_attributes.DB_OPERATION_NAME] == "SELECT"
    assert (told["hanse.query.id"], told["hanse.plan"], told["hanse.parse_ms"]) == ("ab01", "p1", 0.2)
    assert root.status.status_code is StatusCode.UNSET
    for leg in (first, second):
        assert leg.kind is SpanKind.CLIENT
        assert leg.parent is not None and leg.parent.span_id == root.context.span_id
    told = dict(first.attributes or {})
    assert told[db_attributes.DB_SYSTEM_NAME] == "postgresql"
    assert told[db_attributes.DB_NAMESPACE] == "shop"
    assert told[db_attributes.DB_COLLECTION_NAME] == "public.t"
    assert told["db.response.returned_rows"] == 10
    assert first.start_time == root.start_time + 1_000_000
    assert [(event.name, event.timestamp - root.start_time) for event in first.events] == [
        ("connected", 1_500_000),
        ("first row", 2_000_000),
    ]


def test_what_failed() -> None:
    leg, other, root = spans(
        replace(
            RECORD,
            facts=replace(FACTS, state="failed", legs=(replace(LEG, last_row_ms=None), replace(LEG, source="crm"))),
            error="08001",
            error_source="shop",
        )
    )
    for span in (leg, root):
        assert span.status.status_code is StatusCode.ERROR
        assert dict(span.attributes or {})[error_attributes.ERROR_TYPE] == "08001"
        assert dict(span.attributes or {})[db_attributes.DB_RESPONSE_STATUS_CODE] == "08001"
    assert other.status.status_code is StatusCode.UNSET
    assert leg.end_time == root.end_time  # it went on until the query ended


def test_names_are_short_however_many_tables_there_are() -> None:
    legs = tuple(replace(LEG, fragment=n, tables=f"public.table_{n}") for n in range(100))
    root = spans(replace(RECORD, facts=replace(FACTS, legs=legs)))[-1]
    assert len(root.name) == SUMMARY_MAX


def test_the_provider_of_the_program_around() -> None:
    traces = Traces()
    traces.ended(RECORD, traces.began())  # with none set up, nothing is recorded, and nothing fails
    assert trace.get_current_span().get_span_context().is_valid is False
    traces.close()
