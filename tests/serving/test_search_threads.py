"""Queries answered together: each gets its own answer, none waits for ever or outlives a swap."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from serving.index.search_threads import MAX_BATCH, MAX_QUEUED, Overloaded, SearchThreads
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, TrackSet
from soundalike.vectors.queries import NO_ROWS
from soundalike.vectors.track_vectors import TrackVectors
from tests.patience import PATIENCE


class Gated:
    """An index whose first search waits until the gate is opened; answers say who asked."""

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def is_batchable(self, query: NeighbourQuery) -> bool:
        return query.allowed is None

    def neighbours(self, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        self.batches.append([query.k for query in queries])
        self.begun.set()
        assert self.gate.wait(20)
        if any(query.k < 0 for query in queries):
            raise ValueError("negative")
        return [found(query.k) for query in queries]


def found(number: int) -> Neighbours:
    scores, nothing = np.zeros(1, np.float32), TrackVectors(None, NO_ROWS)  # type: ignore[arg-type]
    return Neighbours([str(number)], scores, nothing, complete=True, certain=True)


def query(number: int) -> NeighbourQuery:
    return NeighbourQuery(np.zeros((1, 4), np.float32), number)


async def ask(threads: SearchThreads, index: Any, number: int) -> int:
    [hits] = await threads.search(index, [query(number)])
    return int(hits.track_ids[0])


async def begun(index: Gated) -> None:
    assert await asyncio.to_thread(index.begun.wait, 20)


async def comes_true(wanted: Callable[[], bool]) -> None:
    """Returns once it is true; fails if it never becomes that."""
    async with asyncio.timeout(PATIENCE):
        while not wanted():
            await asyncio.sleep(0)


async def queue(threads: SearchThreads, index: Any, numbers: Sequence[int]) -> list[Any]:
    """Tasks whose queries are all in the queue."""
    tasks = [asyncio.create_task(ask(threads, index, number)) for number in numbers]
    await comes_true(lambda: all(task.get_coro().cr_await for task in tasks))  # type: ignore[union-attr]
    return tasks


async def test_what_waits_is_answered_in_one_go_and_everybody_gets_their_own() -> None:
    threads, index = SearchThreads(1), Gated()
    [first] = await queue(threads, index, [0])
    await begun(index)
    others = await queue(threads, index, range(1, 41))
    index.gate.set()
    assert await asyncio.gather(first, *others) == list(range(41))
    assert [len(batch) for batch in index.batches] == [1, MAX_BATCH, 40 - MAX_BATCH]
    assert (threads.queries, threads.batches) == (41, 3)
    threads.close()


async def test_threads_that_the_system_refused_are_started_by_a_later_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, index = SearchThreads(2), Gated()
    index.gate.set()
    left, start = [1], threading.Thread.start

    def refusing(thread: threading.Thread) -> None:
        if thread.name.startswith("search-"):
            if not left:
                raise RuntimeError("can't start new thread")
            left.pop()
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refusing)
        assert await ask(threads, index, 1) == 1, "one is enough"
        threads.close()
        threads = SearchThreads(2)
        with pytest.raises(RuntimeError, match="can't start"):
            await ask(threads, index, 2)
        assert threads.queued == 0
    assert await ask(threads, index, 3) == 3
    threads.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_ended_for_want_of_memory_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, index = SearchThreads(1), Gated()
    index.gate.set()
    failures, take = [MemoryError()], threads._take

    def taking(limit: int) -> list[Any]:
        if failures:
            raise failures.pop()
        return take(limit)

    monkeypatch.setattr(threads, "_take", taking)
    first = asyncio.create_task(ask(threads, index, 1))
    await comes_true(lambda: not failures and not threads._threads[0].is_alive())
    assert await ask(threads, index, 2) == 2
    assert await first == 1
    threads.close()


async def test_what_gains_nothing_by_company_goes_alone() -> None:
    threads, index = SearchThreads(1), Gated()
    [first] = await queue(threads, index, [0])
    await begun(index)
    alone = NeighbourQuery(
        np.zeros((1, 4), np.float32), 3, allowed=TrackSet(["t0", "t1"], np.array([1]))
    )
    early = await queue(threads, index, [1, 2])
    filtered = asyncio.create_task(threads.search(index, [alone, alone]))  # type: ignore[arg-type]
    await comes_true(lambda: len(threads._queue) >= 4)
    late = await queue(threads, index, [4, 5])
    index.gate.set()
    await asyncio.gather(first, filtered, *early, *late)
    assert index.batches == [[0], [1, 2], [3], [3], [4, 5]]
    threads.close()


async def test_a_lone_query_waits_for_nobody() -> None:
    threads, index = SearchThreads(2), Gated()
    index.gate.set()
    assert [await ask(threads, index, number) for number in (7, 8)] == [7, 8]
    assert index.batches == [[7], [8]]
    threads.close()


async def test_idle_threads_share_what_waits() -> None:
    threads, index = SearchThreads(2), Gated()
    index.gate.set()
    await ask(threads, index, 0)  # both threads have been started
    await comes_true(lambda: threads._idle == 2)
    index.gate.clear()
    tasks = [asyncio.create_task(threads.search(index, [query(n) for n in range(10)]))]  # type: ignore[arg-type]
    await comes_true(lambda: sum(map(len, index.batches)) >= 11)
    index.gate.set()
    await asyncio.gather(*tasks)
    assert max(map(len, index.batches)) < 10, "one thread left some for the other"
    threads.close()


async def test_a_query_that_fails_takes_no_other_with_it() -> None:
    threads, index = SearchThreads(1), Gated()
    [first] = await queue(threads, index, [0])
    await begun(index)
    others = await queue(threads, index, [1, -1, 2])
    index.gate.set()
    found = await asyncio.gather(first, *others, return_exceptions=True)
    assert [found[0], found[1], found[3]] == [0, 1, 2]
    assert isinstance(found[2], ValueError)
    threads.close()


async def test_a_client_that_went_away_is_not_searched_for() -> None:
    threads, index = SearchThreads(1), Gated()
    [first] = await queue(threads, index, [0])
    await begun(index)
    gone, stays = await queue(threads, index, [1, 2])
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    index.gate.set()
    assert await asyncio.gather(first, stays) == [0, 2]
    assert index.batches == [[0], [2]]
    threads.close()


async def test_a_client_that_goes_away_during_the_search_takes_no_other_with_it() -> None:
    threads, index = SearchThreads(1), Gated()
    together = asyncio.create_task(threads.search(index, [query(1), query(2)]))  # type: ignore[arg-type]
    await begun(index)
    gone, stays = await queue(threads, other := Gated(), [3, 4])
    index.gate.set()
    await together
    await begun(other)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    other.gate.set()
    assert await stays == 4
    assert other.batches == [[3, 4]], "both were searched for"
    threads.close()


async def test_versions_are_not_mixed_in_a_batch() -> None:
    threads, old, new = SearchThreads(1), Gated(), Gated()
    [first] = await queue(threads, old, [0])
    await begun(old)
    tasks = [
        *await queue(threads, old, [1, 2]),
        *await queue(threads, new, [3, 4]),
        *await queue(threads, old, [5]),
    ]
    old.gate.set()
    new.gate.set()
    assert await asyncio.gather(first, *tasks) == [0, 1, 2, 3, 4, 5]
    assert (old.batches, new.batches) == ([[0], [1, 2], [5]], [[3, 4]])
    threads.close()


async def test_too_many_are_told_to_come_back() -> None:
    threads, index = SearchThreads(1), Gated()
    [first] = await queue(threads, index, [0])
    await begun(index)
    many = asyncio.create_task(threads.search(index, [query(n) for n in range(MAX_QUEUED)]))  # type: ignore[arg-type]
    await comes_true(lambda: len(threads._queue) >= MAX_QUEUED)
    with pytest.raises(Overloaded):
        await ask(threads, index, 1)
    index.gate.set()
    await asyncio.gather(first, many)
    assert await ask(threads, index, 2) == 2, "and then they are welcome again"
    threads.close()


async def test_an_index_is_let_go_with_its_last_query() -> None:
    threads, index = SearchThreads(1), Gated()
    left = weakref.ref(index)
    [task] = await queue(threads, index, [3])
    await begun(index)
    gate = index.gate
    del index
    gc.collect()
    assert left() is not None, "a query is under way"
    gate.set()
    assert await task == 3
    del task

    def let_go() -> bool:
        gc.collect()
        return left() is None

    await comes_true(let_go)  # with the last query, not with the next one
    threads.close()


async def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    threads, index = SearchThreads(1), Gated()
    [first, second] = await queue(threads, index, [0, 1])
    index.gate.set()
    await asyncio.to_thread(threads.close)
    assert await asyncio.gather(first, second) == [0, 1]
    with pytest.raises(Overloaded):
        await ask(threads, index, 2)
