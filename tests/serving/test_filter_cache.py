"""What a filter let through may be remembered, but not for other columns, and not without end."""

import numpy as np
from numpy.typing import NDArray

from serving.index.filter_cache import MAX_FILTERS, FilterCache
from soundalike.catalog.filters import TrackFilter


class Columns:
    """Counts how often a filter was evaluated."""

    def __init__(self) -> None:
        self.asked = 0

    async def evaluate(self) -> NDArray[np.int64]:
        self.asked += 1
        return np.array([self.asked])


async def test_rows_are_evaluated_again_once_the_columns_changed() -> None:
    cache, columns, wanted = FilterCache(), Columns(), TrackFilter(year_to=1970)
    for revision, rows in ((0, 1), (0, 1), (1, 2), (1, 2)):
        assert (await cache.rows(revision, wanted, columns.evaluate)).tolist() == [rows]


async def test_another_filter_is_evaluated_too() -> None:
    cache, columns = FilterCache(), Columns()
    assert (await cache.rows(0, TrackFilter(year_to=1970), columns.evaluate)).tolist() == [1]
    assert (await cache.rows(0, TrackFilter(year_to=1971), columns.evaluate)).tolist() == [2]
    assert (await cache.rows(0, TrackFilter(year_to=1970), columns.evaluate)).tolist() == [1]


async def test_only_the_last_used_are_kept() -> None:
    cache, columns = FilterCache(), Columns()
    for year in range(MAX_FILTERS + 1):
        await cache.rows(0, TrackFilter(year_to=year), columns.evaluate)
    await cache.rows(0, TrackFilter(year_to=MAX_FILTERS), columns.evaluate)
    assert columns.asked == MAX_FILTERS + 1
    await cache.rows(0, TrackFilter(year_to=0), columns.evaluate)
    assert columns.asked == MAX_FILTERS + 2
