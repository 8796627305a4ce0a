"""What a filter let through may be remembered, but not for long, and not without end."""

import numpy as np
from numpy.typing import NDArray

from serving.index.filter_cache import MAX_FILTERS, TTL_SECONDS, FilterCache
from soundalike.catalog.filters import TrackFilter


class Catalog:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def look_up(self) -> NDArray[np.int64]:
        self.asked += 1
        return np.array([self.asked])


async def test_rows_are_looked_up_again_once_they_are_old() -> None:
    now, catalog = [0.0], Catalog()
    cache = FilterCache(lambda: now[0])
    wanted = TrackFilter(year_to=1970)
    for moment, rows in (
        (0, 1),
        (TTL_SECONDS, 1),
        (TTL_SECONDS + 1, 2),
        (2 * TTL_SECONDS, 2),
    ):
        now[0] = moment
        assert (await cache.rows(wanted, catalog.look_up)).tolist() == [rows]


async def test_another_filter_is_another_look_up() -> None:
    cache, catalog = FilterCache(), Catalog()
    assert (await cache.rows(TrackFilter(year_to=1970), catalog.look_up)).tolist() == [1]
    assert (await cache.rows(TrackFilter(year_to=1971), catalog.look_up)).tolist() == [2]
    assert (await cache.rows(TrackFilter(year_to=1970), catalog.look_up)).tolist() == [1]


async def test_only_the_last_used_are_kept() -> None:
    cache, catalog = FilterCache(), Catalog()
    for year in range(MAX_FILTERS + 1):
        await cache.rows(TrackFilter(year_to=year), catalog.look_up)
    await cache.rows(TrackFilter(year_to=MAX_FILTERS), catalog.look_up)
    assert catalog.asked == MAX_FILTERS + 1
    await cache.rows(TrackFilter(year_to=0), catalog.look_up)
    assert catalog.asked == MAX_FILTERS + 2
