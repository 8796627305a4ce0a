"""Parts of bench_scale.py: ticks of the real sensors, filters over the columns, and answers."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
import httpx
import psutil
from bench_ingest import Clock
from large_library import LargeLibrary
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from pipelines.sensors import changed_library, sealed_batches, small_segments
from serving.app import create_app
from serving.columns.live_columns import LiveColumns
from serving.columns.snapshot import Snapshot
from soundalike.catalog.engine import Sessions
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.publications import published
from soundalike.embedders.base import EmbeddingSpace
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex

TICKS, REPEATS = 7, 15
SENSORS: dict[dg.SensorDefinition, tuple[str, ...]] = {
    sealed_batches: ("sessions", "model"),
    changed_library: ("sessions", "store", "model"),
    small_segments: ("sessions", "store", "model"),
}
FILTERS = {
    "years": TrackFilter(year_from=1990, year_to=1999),
    "artist": TrackFilter(artists=("artist 00042",)),
    "genre": TrackFilter(genres=("genre 7",)),
    "folder": TrackFilter(path_prefix="artist 00042/"),
    "tag": TrackFilter(tags=("tag 5",)),
}
REQUESTS = {
    "similar": "/v1/tracks/{track}/similar",
    "similar_filtered": "/v1/tracks/{track}/similar?genres=genre%207",
    "track": "/v1/tracks/{track}",
}


def anonymous_bytes() -> int:
    """The memory of this process that no file backs: what it cannot do without."""
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared)


@dataclass(frozen=True)
class FixedModel:
    """The resource `model`, of a space that no model has."""

    settings: Settings
    space: EmbeddingSpace


def ticks(library: LargeLibrary, name: str, repeats: int = TICKS) -> dict[str, float]:
    """Evaluate each sensor; return milliseconds, the middle of some ticks after the first."""
    resources = {
        "sessions": library.sessions,
        "store": library.store,
        "model": FixedModel(Settings(data=library.store.root), library.space),
    }
    found = {}
    with dg.DagsterInstance.ephemeral() as instance:
        for sensor, names in SENSORS.items():
            wanted = {each: resources[each] for each in names}
            if repeats > 1:
                _tick(instance, sensor, wanted)
            times = [_ms(partial(_tick, instance, sensor, wanted)) for _ in range(repeats)]
            found[f"tick_{name}_{sensor.name}_ms"] = statistics.median(times)
    if name == "idle":
        found["sensor_tick_ms"] = sum(found.values())
    return found


def _tick(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, resources: dict[str, Any]
) -> None:
    """Evaluate a sensor once, and make the partitions that it asks for."""
    with dg.build_sensor_context(instance=instance) as context:
        result = sensor(context, **resources)
    for request in getattr(result, "dynamic_partitions_requests", None) or []:
        instance.add_dynamic_partitions("batch", list(request.partition_keys))


def read_columns(
    settings: Settings, sessions: Sessions, clock: Clock
) -> tuple[Snapshot, OpenIndex]:
    """Read the columns from the catalog, as the first worker does, and open the index."""
    folder = ArtifactStore(settings.data).columns

    async def read() -> Snapshot:
        engine = create_async_engine(str(settings.database_url), isolation_level="REPEATABLE READ")
        live = LiveColumns(folder)
        async with AsyncSession(engine) as session:
            await live.refresh(session)
        await engine.dispose()
        return live.snapshot

    clock.time("columns_read_s", lambda: asyncio.run(read()))
    columns = clock.time("columns_opened_s", lambda: asyncio.run(read()))
    with sessions() as session:
        served = published(session)
    if served is None:
        raise SystemExit("nothing is published")
    version = ArtifactStore(settings.data).index(served.index.version)
    return columns, clock.time("index_opened_s", lambda: OpenIndex.open(version))


def filter_ms(columns: Snapshot, index: OpenIndex) -> dict[str, float]:
    """Milliseconds until it is known which rows of the index a filter allows."""
    found = {}
    for name, each in FILTERS.items():
        columns.allowed_rows(each, index)
        times = [_ms(partial(columns.allowed_rows, each, index)) for _ in range(REPEATS)]
        found[f"filter_{name}_ms"] = statistics.median(times)
    return found | {"filter_ms": max(found.values())}


def api_ms(settings: Settings) -> dict[str, float]:
    """Milliseconds of an answer of the API, without sockets."""
    return asyncio.run(_answers(settings))


async def _answers(settings: Settings) -> dict[str, float]:
    app, found = create_app(settings), {}
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=600
        ) as api:
            listed = (await api.get("/v1/tracks?limit=1")).raise_for_status().json()
            track = listed["items"][0]["id"]
            for name, url in REQUESTS.items():
                (await api.get(url.format(track=track))).raise_for_status()
                times = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    await api.get(url.format(track=track))
                    times.append(1000 * (time.perf_counter() - began))
                found[f"api_{name}_ms"] = statistics.median(times)
    return found


def _ms(work: Callable[[], object]) -> float:
    """Milliseconds of wall time: a server works for it too."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)
