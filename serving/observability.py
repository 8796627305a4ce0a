"""What an operator sees: a log line and numbers for every request, and the index's state.

Each worker process counts for itself: with several uvicorn workers a scrape of /metrics reaches one
of them. Scrape a single-worker service where exact rates matter; prometheus-client's multiprocess
mode would need a shared folder and could not ask the live index.
"""

import logging
import time
from collections.abc import Iterator

import structlog
from asgi_correlation_id import correlation_id
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import as_problem, respond, shown_path
from serving.index.live_index import LiveIndex

log = structlog.get_logger()

SERVER_ERROR = 500
OTHER_ROUTE = "other"  # what no route of ours matched: clients must not be able to add labels


class Metrics:
    """The process's own registry: an app made for a test counts from zero."""

    def __init__(self, live: LiveIndex) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "soundalike_requests",
            "Requests answered.",
            ("route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "soundalike_request_seconds",
            "Time to answer a request.",
            ("route",),
            registry=self.registry,
        )
        self.search_seconds = Histogram(
            "soundalike_search_seconds",
            "Time to find neighbours, waiting for a thread included.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_IndexCollector(live))


class _IndexCollector(Collector):
    """Asks the live index at each scrape, so that it need not know of metrics."""

    def __init__(self, live: LiveIndex) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        served = self._live.served
        info = (
            {"version": served.manifest.version, "space": served.manifest.space} if served else {}
        )
        tracks = served.manifest.tracks if served else 0
        wrong, failures = self._live.problem is not None, self._live.load_failures
        yield InfoMetricFamily("soundalike_index", "The index that is served.", info)
        yield GaugeMetricFamily("soundalike_index_tracks", "Tracks in it.", tracks)
        yield GaugeMetricFamily(
            "soundalike_index_problem",
            "1 while /health/ready names a problem with the index.",
            wrong,
        )
        yield CounterMetricFamily(
            "soundalike_search_queries", "Queries answered.", self._live.threads.queries
        )
        yield CounterMetricFamily(
            "soundalike_search_batches",
            "Batches they were answered in: queries a batch say how busy the search is.",
            self._live.threads.batches,
        )
        yield CounterMetricFamily(
            "soundalike_index_load_failures", "Published versions refused.", failures
        )


class LogRequests:
    """Counts, times and logs each request; turns what nobody caught into a problem.

    The framework's own last resort would answer outside of the correlation id's middleware.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0  # 0: not answered at all

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id.get()):
            try:
                await self.app(scope, receive, sending)
            except Exception as error:
                problem = as_problem(error)
                _log_error(error, problem.status)
                if status:  # the client has half an answer: break it off
                    raise
                await respond(scope, problem)(scope, receive, sending)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", OTHER_ROUTE)
        self.metrics.requests.labels(route, status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        log.info(
            "request",
            method=scope["method"],
            route=route,
            path=shown_path(scope),
            status=status,
            ms=round(1000 * seconds, 1),
        )


def _log_error(error: Exception, status: int) -> None:
    if status == SERVER_ERROR:
        log.error("unhandled error", exc_info=error)
    else:
        log.warning("not answered", reason=str(error).partition("\n")[0], status=status)


def take_over_uvicorn_logs() -> None:
    """Let uvicorn's lines go through our one handler, without its own access log."""
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
