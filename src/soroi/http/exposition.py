"""What was counted, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from soroi.http.meters import BOUNDS, Counted

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what :func:`expose` gives."""


def expose(counted: Counted) -> bytes:
    """The figures in the text format of Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

    def counter(name: str, text: str, labels: Sequence[str], counts: Mapping[str, int]) -> CounterMetricFamily:
        made = CounterMetricFamily(name, text, labels=labels)
        for key, count in counts.items():
            made.add_metric(key.split("\t"), count)
        return made

    def latencies() -> HistogramMetricFamily:
        made = HistogramMetricFamily(
            "soroi_request_seconds", "From a request's last byte to its reply.", labels=["decision"]
        )
        bounds = [*map(repr, BOUNDS), "+Inf"]
        for name, buckets in counted.latency.items():
            pairs = list(zip(bounds, accumulate(buckets), strict=True))
            made.add_metric([name], pairs, counted.seconds.get(name, 0.0))
        return made

    def manifests() -> GaugeMetricFamily:
        made = GaugeMetricFamily(
            "soroi_manifest", "Processes that answer with a manifest.", labels=["manifest", "revision"]
        )
        for key, count in counted.manifests.items():
            made.add_metric(key.split("\t"), count)
        return made

    class _Collector:
        def collect(self) -> Iterable[Metric]:
            of_answers = ["decision", "step", "arm", "action"]
            yield counter("soroi_answers", "Answers, by the step that gave them.", of_answers, counted.answers)
            yield counter("soroi_falls", "Steps that went wrong.", ["decision", "step", "reason"], counted.falls)
            yield counter("soroi_requests", "Requests for decisions.", ["decision", "status"], counted.requests)
            yield latencies()
            yield CounterMetricFamily("soroi_shed", "Requests refused because too much waited.", counted.shed)
            yield CounterMetricFamily("soroi_unrecorded", "Answers given without a record.", counted.unrecorded)
            yield GaugeMetricFamily("soroi_waiting", "Requests that wait for a thread.", counted.waiting)
            yield GaugeMetricFamily("soroi_connections", "Connections that stand.", counted.connections)
            yield GaugeMetricFamily("soroi_workers", "Processes that answer.", counted.workers)
            yield manifests()

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return generate_latest(registry)
