"""The text that Prometheus reads: what was measured, and what the process costs."""

from collections.abc import Iterator
from time import sleep
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
from prometheus_client.samples import Sample

from swarmnet.runtime.metrics import Buckets, Kind, Labels, Metric, Sheet, Value

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


PROCESS: Final = CollectorRegistry()
"""This process's own figures."""
for _kind in (ProcessCollector, PlatformCollector, GCCollector):
    _kind(registry=PROCESS)


STRETCH: Final = 8
"""So many samples are written at a stretch, in some 0.3 ms."""


class _Breathing(list[Sample]):
    """Samples between which others may have the interpreter."""

    def __iter__(self) -> Iterator[Sample]:
        for number, sample in enumerate(super().__iter__()):
            if number % STRETCH == 0:
                sleep(0)
            yield sample


class _One(Collector):
    """Hands over one metric."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._family.samples = _Breathing(family.samples)

    def collect(self) -> list[Family]:
        return [self._family]


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

    It reads /proc, and is called by a worker thread. Every few samples it lets others
    have the interpreter: some milliseconds at a stretch would hold up the loop.
    """
    families = (_family(metric, dict(rows)) for metric, rows in sheet.rows())
    parts = [generate_latest(_One(family)) for family in families]
    return b"".join([*parts, generate_latest(PROCESS)])
