"""Metrics as Prometheus reads them, by its own client library: text, or over HTTP. Only imported where somebody wants them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from hanse.errors import ConfigError
from hanse.observe.metrics import FAMILIES, SECONDS, Family, Key

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Gauge:
    """What something is now: values by the values of the labels."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...]


class Collected:
    """What is asked anew at every scrape; of ``prometheus_client.registry.Collector``."""

    def __init__(self, totals: Callable[[], Mapping[Key, float]], gauges: Callable[[], Iterable[Gauge]]) -> None:
        """``totals`` are amounts that only grow."""
        self._totals = totals
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        totals = self._totals()
        for family in FAMILIES.values():
            yield _histogram(family, totals) if family.is_histogram else _counter(family, totals)
        for gauge in self._gauges():
            metric = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.values:
                metric.add_metric(list(labels), value)
            yield metric

    def text(self) -> str:
        """In Prometheus' text format, 0.0.4."""
        return generate_latest(self._registry()).decode()

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return registry

    def serve(self, listen: str) -> Callable[[], None]:
        """Answer over HTTP at ``host:port``; returns what ends that. Raises ConfigError."""
        host, _, port = listen.rpartition(":")
        try:
            server, thread = start_http_server(int(port), host or HOST, self._registry())
        except (OSError, ValueError, OverflowError) as failure:
            raise ConfigError(f"cannot serve metrics at {listen}: {failure}", hint="host:port, such as :9464") from None

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop


def _counter(family: Family, totals: Mapping[Key, float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for (name, labels), amount in totals.items():
        if name == family.name:
            metric.add_metric(list(labels), amount)
    return metric


def _histogram(family: Family, totals: Mapping[Key, float]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*map(str, SECONDS), "+Inf"]
    for (name, labels), amount in totals.items():
        if name == f"{family.name}_sum":
            counts = accumulate(totals.get((f"{family.name}_bucket", (*labels, bound)), 0.0) for bound in bounds)
            metric.add_metric(list(labels), list(zip(bounds, counts, strict=True)), amount)
    return metric
