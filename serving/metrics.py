"""Prometheus metrics of the process: requests, searches, the served index.

Each worker process has its own counters, and with several uvicorn workers a scrape of /metrics
reaches one of them. Scrape a single-worker service where exact rates matter; prometheus-client's
multiprocess mode would need a shared folder and could not read the live index.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.index.live_index import LiveIndex


class Metrics:
    """The metrics of one application, in a registry of their own: each starts from zero."""

    def __init__(self, live: LiveIndex) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "soundalike_requests",
            "Requests served.",
            ("route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "soundalike_request_seconds",
            "Time to serve a request.",
            ("route",),
            registry=self.registry,
        )
        self.search_seconds = Histogram(
            "soundalike_search_seconds",
            "Time to search the index, waiting for a thread included.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_IndexCollector(live))


class _IndexCollector(Collector):
    """Metrics read from the live index at each scrape, so that it does not depend on them."""

    def __init__(self, live: LiveIndex) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        served = self._live.served
        info = (
            {"version": served.manifest.version, "space": served.manifest.space} if served else {}
        )
        tracks = served.manifest.tracks if served else 0
        has_problem, failures = self._live.problem is not None, self._live.load_failures
        yield InfoMetricFamily("soundalike_index", "The served index.", info)
        yield GaugeMetricFamily("soundalike_index_tracks", "Tracks in the served index.", tracks)
        yield GaugeMetricFamily(
            "soundalike_index_problem",
            "1 while /health/ready reports a problem with the index.",
            has_problem,
        )
        yield CounterMetricFamily(
            "soundalike_search_queries", "Queries searched.", self._live.threads.queries
        )
        yield CounterMetricFamily(
            "soundalike_search_batches",
            "Batches of queries searched; the queries per batch grow with the load.",
            self._live.threads.batches,
        )
        yield CounterMetricFamily(
            "soundalike_index_load_failures", "Published versions refused.", failures
        )
