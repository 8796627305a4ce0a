"""Prometheus metrics, of one process or of all workers of a server together.

The workers of a server share a folder, where each keeps its numbers in files (prometheus_client's
multiprocess mode), and whichever is asked adds them up. So a metric must be a counter, a histogram,
or a gauge that says how those of several workers are put together.
"""

from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.shared_metrics import shared_folder

SEARCH_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
Mode = Literal["livesum", "livemax", "livemostrecent"]
# Why a connection ends before its request reaches the application, or with an answer unread.
Refusal = Literal[
    "malformed-request",
    "request-too-slow",
    "headers-too-large",
    "too-many-connections",
    "answer-not-read",
    "idle",
    "stopping",
]
UPLOAD_BUCKETS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


class Metrics:
    """The metrics of one application, in a registry of their own: each starts from zero."""

    def __init__(self) -> None:
        shared_folder()  # made again if it was deleted, as metrics open their files in it
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests served.", "route", "status")
        self.seconds = self._histogram("request_seconds", "Time to serve a request.", "route")
        self.refused_connections = self._counter(
            "refused_connections", "Connections that the server ended, by reason.", "reason"
        )
        for refusal in get_args(Refusal):  # from zero on, so that the first one is an increase
            self.refused_connections.labels(refusal)
        self.rate_limited = self._counter(
            "rate_limited_requests", "Requests refused because their key sent too many."
        )
        self.search_seconds = self._histogram(
            "search_seconds",
            "Time to search the index, waiting for a thread included.",
            buckets=SEARCH_BUCKETS,
        )
        self.search_queries = self._counter("search_queries", "Queries searched.")
        self.search_batches = self._counter(
            "search_batches",
            "Batches of queries searched; the queries per batch grow with the load.",
        )
        self.search_queued = self._gauge("search_queued", "Queries that wait for a search thread.")
        self.index_workers = self._gauge(
            "index_workers", "Workers that serve this version of the index.", "version", "space"
        )
        self.index_tracks = self._gauge(
            "index_tracks", "Tracks in the index that was loaded last.", mode="livemostrecent"
        )
        self.index_problem = self._gauge(
            "index_problem",
            "1 while /health/ready of any worker reports a problem with the index.",
            mode="livemax",
        )
        self.index_load_failures = self._counter(
            "index_load_failures", "Attempts to load a published version that failed."
        )
        self.uploads = self._gauge(
            "uploads_in_progress", "Uploads that are received, queued or embedded."
        )
        self.upload_seconds = self._histogram(
            "upload_seconds",
            "Time to receive and embed an upload, waiting for its turn included.",
            buckets=UPLOAD_BUCKETS,
        )
        self.decoders = self._gauge(
            "decoder_processes", "Processes that decode uploads, by what they do.", "state"
        )
        self.decoder_starts = self._counter(
            "decoder_starts", "Starts of processes that decode uploads; a broken one is replaced."
        )
        self.connections = self._gauge(
            "database_connections", "Connections of the pools to the catalog.", "state"
        )
        self.workers = self._gauge("workers", "Processes that serve the API.")
        self.resident_bytes = self._gauge(
            "resident_memory_bytes", "Memory of the workers; what they share counts for each."
        )
        self.cpu_seconds = self._counter("cpu_seconds", "CPU time of the workers.")

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format: of all workers, if they share a folder."""
        folder = shared_folder()
        if folder is None:
            return generate_latest(self.registry)
        _forget_ended(folder)
        everything = CollectorRegistry()
        MultiProcessCollector(everything, str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(everything)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"soundalike_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str, mode: Mode = "livesum") -> Gauge:
        return Gauge(
            f"soundalike_{name}", about, labels, registry=self.registry, multiprocess_mode=mode
        )

    def _histogram(
        self,
        name: str,
        about: str,
        *labels: str,
        buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS,
    ) -> Histogram:
        return Histogram(
            f"soundalike_{name}", about, labels, registry=self.registry, buckets=buckets
        )


def _forget_ended(folder: Path) -> None:
    """Remove the gauges of workers that have ended; what they counted stays."""
    for path in folder.glob("gauge_live*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not psutil.pid_exists(process):
            with suppress(FileNotFoundError):  # another worker does the same
                mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
