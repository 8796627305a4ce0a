"""Driving a search: the index says what is near and the catalog what may be shown, in turns."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.live_index import ServedIndex
from serving.lookup import facts_of, require_indexed, views_of
from serving.observability import Metrics
from serving.questions import Filters
from soundalike.catalog.filters import TrackFilter, ids_of, matching
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
    rows = await _rows_that_pass(session, served, filters.of_catalog())
    ranking = _with_a_direction(
        lambda: Ranking(served.index, question, wanted, rows, tuple(filters.exclude))
    )
    while (query := ranking.query) is not None:
        await session.rollback()  # no connection is held while searching
        with metrics.search_seconds.time():
            [hits] = await served.ask([query])
        found = await facts_of(session, ranking.unknown(hits))
        await _aside(question.rules.compares, lambda: ranking.add(hits, found))  # noqa: B023 - awaited
    shown = [*question.tracks, *(result.track_id for result in ranking.results)]
    return ranking.results, await views_of(session, shown)


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
    facts = await facts_of(session, ends)
    if not path.queries:
        path.add([], facts)
    while path.queries:
        await session.rollback()
        with metrics.search_seconds.time():
            found = await served.ask(path.queries)
        facts |= await facts_of(session, path.unknown(found))
        await to_thread.run_sync(path.add, found, facts)
    return path, await views_of(session, [step.track_id for step in path.steps] or ends)


async def _rows_that_pass(
    session: AsyncSession, served: ServedIndex, wanted: TrackFilter
) -> NDArray[np.int64] | None:
    """Of the served version; None where nothing is filtered."""
    if wanted.lets_all_through:
        return None

    async def look_up() -> NDArray[np.int64]:
        joined = await session.scalar(matching(wanted))
        return await to_thread.run_sync(lambda: served.index.rows_of(ids_of(joined or "")))

    return await served.filters.rows(wanted, look_up)


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
