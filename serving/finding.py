"""Driving a search: the index says what is near and the catalog what may be shown, in turns."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.live_index import ServedIndex
from serving.lookup import require_indexed, views_of
from serving.observability import Metrics
from serving.questions import Filters
from soundalike.catalog.filters import matching
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.paths import Path
from soundalike.vectors.question import Question
from soundalike.vectors.ranking import Ranking, Result

Made = TypeVar("Made")


async def ranked(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    question: Question,
    filters: Filters,
    wanted: int,
) -> tuple[list[Result], dict[str, TrackView]]:
    """The first `wanted` results, and the tracks they are, with those of the question."""
    await require_indexed(session, served, question.tracks)
    wanted_tracks = filters.of_catalog()
    rows = None
    if not wanted_tracks.lets_all_through:
        ids = await session.scalar(matching(wanted_tracks))
        rows = served.index.rows_of(ids or ())
    ranking = _with_a_direction(
        lambda: Ranking(served.index, question, wanted, rows, tuple(filters.exclude))
    )
    views: dict[str, TrackView] = {}
    missing = list(question.tracks)
    while (query := ranking.query) is not None:
        await session.rollback()  # no connection is held while searching
        with metrics.search_seconds.time():
            [hits] = await served.ask([query])
        found = await views_of(session, [*missing, *ranking.unknown(hits)])
        missing, views = [], views | found
        await _aside(question.rules.compares, lambda: ranking.add(hits, found))  # noqa: B023 - awaited
    return ranking.results, views


async def path_between(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    ends: tuple[str, str],
    steps: int,
    per_artist: int | None,
) -> tuple[Path, Mapping[str, TrackView]]:
    """The path, and the tracks it may go through. Its steps are none where tracks are too few."""
    await require_indexed(session, served, ends)
    path = _with_a_direction(lambda: Path(served.index, ends, steps, per_artist))
    views = await views_of(session, ends)
    if not path.queries:
        path.add([], views)
    while path.queries:
        await session.rollback()
        with metrics.search_seconds.time():
            found = await served.ask(path.queries)
        views |= await views_of(session, path.unknown(found))
        path.add(found, views)
    return path, views


def _with_a_direction(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except ValueError as error:
        raise Problem(422, "no-direction", str(error)) from error


async def _aside(heavy: bool, work: Callable[[], None]) -> None:
    """In a thread, if it would keep the event loop from others."""
    if heavy:
        await to_thread.run_sync(work)
    else:
        work()
