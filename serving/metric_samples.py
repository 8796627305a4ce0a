"""Samples of this process's state for its metrics: gauges, and counters that are kept elsewhere.

Sampled every second, so that the other workers can tell them too. What is sampled knows nothing of
metrics.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from serving.index.live_index import LiveIndex
from serving.metrics import Metrics
from serving.search.uploads import UploadEmbedder

INTERVAL_SECONDS = 1.0


class MetricSampler:
    """Copies the state of the index, the pool of connections, uploads and process to metrics."""

    def __init__(
        self, metrics: Metrics, live: LiveIndex, engine: AsyncEngine, uploads: UploadEmbedder
    ) -> None:
        self._metrics = metrics
        self._live = live
        self._pool = engine.pool
        self._uploads = uploads
        self._process = psutil.Process()
        self._counted: dict[Counter, float] = {}
        self._version: tuple[str, str] | None = None

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Sample until the block ends."""
        self.sample()
        task = asyncio.create_task(self._sample_regularly())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.sample()

    def sample(self) -> None:
        """Sample everything now."""
        self._sample_index()
        self._sample_uploads()
        metrics, process = self._metrics, self._process
        if isinstance(self._pool, QueuePool):
            metrics.connections.labels("in use").set(self._pool.checkedout())
            metrics.connections.labels("idle").set(self._pool.checkedin())
        metrics.workers.set(1)
        metrics.resident_bytes.set(process.memory_info().rss)
        times = process.cpu_times()
        self._count(metrics.cpu_seconds, times.user + times.system)

    def _sample_index(self) -> None:
        metrics, live, served = self._metrics, self._live, self._live.served
        version = (served.manifest.version, served.manifest.space) if served else None
        if version != self._version:
            if self._version:  # several workers' files cannot forget a label
                metrics.index_workers.labels(*self._version).set(0)
            if version:
                metrics.index_workers.labels(*version).set(1)
            metrics.index_tracks.set(served.manifest.tracks if served else 0)
            self._version = version
        metrics.index_problem.set(live.problem is not None)
        metrics.search_queued.set(live.threads.queued)
        self._count(metrics.index_load_failures, live.load_failures)
        self._count(metrics.search_queries, live.threads.queries)
        self._count(metrics.search_batches, live.threads.batches)

    def _sample_uploads(self) -> None:
        metrics, uploads = self._metrics, self._uploads
        metrics.uploads.set(uploads.pending)
        busy, idle, started = uploads.decoder_processes
        metrics.decoders.labels("busy").set(busy)
        metrics.decoders.labels("idle").set(idle)
        self._count(metrics.decoder_starts, started)

    def _count(self, counter: Counter, total: float) -> None:
        counter.inc(total - self._counted.get(counter, 0))
        self._counted[counter] = total

    async def _sample_regularly(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            self.sample()
