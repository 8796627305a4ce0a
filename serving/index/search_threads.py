"""Search threads: concurrent queries are searched in batches, without a timer.

There is one thread per core. A thread that becomes free takes queued queries as one batch, so
batches grow with the load, and a single query does not wait. Several idle threads divide the queue
between them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from soundalike.errors import SoundalikeError
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, SearchIndex

Outcome = Neighbours | Exception

MAX_BATCH = 32
MAX_QUEUED = 1024  # further queries are refused with Overloaded


class Overloaded(SoundalikeError):
    """Too many queries are queued to serve more of them soon."""


@dataclass(frozen=True, eq=False)
class PendingSearch:
    """A queued query, the index version it searches, and the future of its hits.

    All queries of SearchThreads are of one event loop.
    """

    index: SearchIndex
    query: NeighbourQuery
    hits: asyncio.Future[Neighbours]


class SearchThreads:
    """A queue of queries and the threads that search them, started with the first query."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._queue: deque[PendingSearch] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self.queries = self.batches = 0  # searched so far

    @property
    def queued(self) -> int:
        """The queries that no thread has taken yet."""
        return len(self._queue)

    async def search(
        self, index: SearchIndex, queries: Sequence[NeighbourQuery]
    ) -> list[Neighbours]:
        """Return the hits of each query, all of one version. Cancelled queries are skipped.

        Raises Overloaded if the queue is full or closed, RuntimeError if the system refuses a
        thread, or the error that the search raised.
        """
        loop = asyncio.get_running_loop()
        pending = [PendingSearch(index, query, loop.create_future()) for query in queries]
        with self._changed:
            if self._closed or len(self._queue) + len(pending) > MAX_QUEUED:
                raise Overloaded("too many searches are waiting; try again in a moment")
            self._start()
            self._queue.extend(pending)
            self._changed.notify(len(pending))
        if len(pending) == 1:
            return [await pending[0].hits]
        return list(await asyncio.gather(*(each.hits for each in pending)))

    def close(self) -> None:
        """Search the queued queries, then end the threads. Later queries are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        """Start the threads that do not run: at first all, later those that memory was missing for.

        One is enough. Raises RuntimeError if the system refuses it.
        """
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for number in range(len(self._threads), self._count):
            thread = threading.Thread(target=self._work, name=f"search-{number}", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                if not self._threads:
                    raise
                return
            self._threads.append(thread)

    def _work(self) -> None:
        while batch := self._next_batch():
            self._search(batch)
            del batch  # or an idle thread would keep an old version's index open

    def _next_batch(self) -> list[PendingSearch]:
        """Wait for the next batch to search; empty once the queue is closed and empty."""
        with self._changed:
            self._idle += 1
            try:
                while not self._queue and not self._closed:
                    self._changed.wait()
                share = -(-len(self._queue) // self._idle)  # per idle thread, rounded up
            finally:
                self._idle -= 1
            return self._take(min(share, MAX_BATCH))

    def _take(self, limit: int) -> list[PendingSearch]:
        """Take queries from the queue's head while they are batchable and of the same version.

        A query that is not batchable is searched alone, so that its hits do not wait for others.
        """
        batch: list[PendingSearch] = []
        while self._queue and len(batch) < limit:
            head = self._queue[0]
            batchable = head.index.is_batchable(head.query)
            if batch and not (batchable and head.index is batch[0].index):
                break
            batch.append(self._queue.popleft())
            if not batchable:
                break
        return batch

    def _search(self, batch: list[PendingSearch]) -> None:
        live = [each for each in batch if not each.hits.cancelled()]
        if not live:
            return
        with self._changed:
            self.queries, self.batches = self.queries + len(live), self.batches + 1
        outcomes: Sequence[Outcome]
        try:
            outcomes = live[0].index.neighbours([each.query for each in live])
        except Exception as error:
            outcomes = [error] if len(live) == 1 else [_searched_alone(each) for each in live]
        answers = [(each.hits, outcome) for each, outcome in zip(live, outcomes, strict=True)]
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            # Once for all of them: to wake the loop costs as much as to answer one.
            live[0].hits.get_loop().call_soon_threadsafe(_answer, answers)


def _searched_alone(pending: PendingSearch) -> Outcome:
    """Search a query alone, so that one that fails does not fail the others of its batch."""
    try:
        return pending.index.neighbours([pending.query])[0]
    except Exception as error:  # any failure is raised to the query's caller
        return error


def _answer(answers: Sequence[tuple[asyncio.Future[Neighbours], Outcome]]) -> None:
    """Resolve the futures of those that still wait, in their loop."""
    for hits, outcome in answers:
        if hits.done():
            continue
        if isinstance(outcome, Exception):
            hits.set_exception(outcome)
        else:
            hits.set_result(outcome)
