"""Sends spans to a collector by OTLP over HTTP. Where it is not told where, it is as OTEL_EXPORTER_OTLP_* say."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from hanse.observe.traces import Traces, exported


def sent(endpoint: str | None) -> Traces:
    """Traces that go to this address, or to that of the environment."""
    return exported(OTLPSpanExporter(endpoint=endpoint))
