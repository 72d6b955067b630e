"""The text that Prometheus reads: what was measured, and what the process costs."""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from swarmnet.runtime.metrics import Buckets, Kind, Labels, Metric, Sheet, Value

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


PROCESS: Final = CollectorRegistry()
"""This process's own figures."""
for _kind in (ProcessCollector, PlatformCollector, GCCollector):
    _kind(registry=PROCESS)


class _Sheets(Collector):
    """Hands over one sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def collect(self) -> list[Family]:
        return [_family(metric, dict(rows)) for metric, rows in self._sheet.rows()]


def _family(metric: Metric, values: dict[Labels, Value]) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        return _histogram(metric, values)
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    found = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        assert not isinstance(value, Buckets), metric.name
        found.add_metric(labels, value)
    return found


def _histogram(metric: Metric, values: dict[Labels, Value]) -> Family:
    found = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        assert isinstance(value, Buckets), metric.name
        buckets, below = [], 0
        for bound, count in zip((*value.bounds, None), value.counts, strict=True):
            below += count
            buckets.append(("+Inf" if bound is None else str(bound), below))
        found.add_metric(labels, buckets, value.total)
    return found


def expose(sheet: Sheet) -> bytes:
    """Return a sheet as text, and this process's own figures.

    It reads /proc, and is called by a worker thread.
    """
    registry = CollectorRegistry()
    registry.register(_Sheets(sheet))
    return generate_latest(registry) + generate_latest(PROCESS)
