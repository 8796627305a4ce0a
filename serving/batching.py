"""Search threads: concurrent queries answered together, as many as wait, without a timer.

One thread a core. A thread that becomes free takes what is queued, so the batch grows with the load
by itself, and a lone query waits for nothing. Several idle threads share the queue between them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundalike.errors import SoundalikeError

if TYPE_CHECKING:
    from soundalike.vectors.query import Hits, Query
    from soundalike.vectors.search import OpenIndex

LARGEST_BATCH = 32
MOST_QUEUED = 1024  # beyond that a client is told to come back


class Overloaded(SoundalikeError):
    """More is asked than can be answered soon."""


@dataclass(frozen=True, eq=False)
class Waiting:
    """A query, the version it is asked of, and where its answer goes."""

    index: "OpenIndex"
    query: "Query"
    answer: "Future[Hits]"


class SearchThreads:
    """Answers queries in threads of its own, started with the first query."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._queue: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self.queries = self.batches = 0  # answered so far

    async def ask(self, index: "OpenIndex", query: "Query") -> "Hits":
        """The hits of one query. Raises Overloaded, or what the search raised."""
        return (await self.ask_all(index, [query]))[0]

    async def ask_all(self, index: "OpenIndex", queries: Sequence["Query"]) -> list["Hits"]:
        """The hits of some queries, of one version. A client that went away is not answered."""
        waiting = [Waiting(index, query, Future()) for query in queries]
        with self._changed:
            if self._closed or len(self._queue) + len(waiting) > MOST_QUEUED:
                raise Overloaded("too many searches are waiting; try again in a moment")
            self._start()
            self._queue.extend(waiting)
            self._changed.notify(len(waiting))
        return list(await asyncio.gather(*(asyncio.wrap_future(one.answer) for one in waiting)))

    def close(self) -> None:
        """Answer what waits, then end the threads. Queries that come later are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, name=f"search-{number}", daemon=True)
                for number in range(self._count)
            ]
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        while batch := self._next():
            self._answer(batch)
            del batch  # or an idle thread would keep the old version's index open

    def _next(self) -> list[Waiting]:
        """What to answer next; nothing once all is done and closed."""
        with self._changed:
            self._idle += 1
            while not self._queue and not self._closed:
                self._changed.wait()
            share = -(-len(self._queue) // self._idle)  # of all idle threads, rounded up
            self._idle -= 1
            return self._taken(min(share, LARGEST_BATCH))

    def _taken(self, most: int) -> list[Waiting]:
        """From the queue's head, as long as they ask the same version and gain by company.

        What gains nothing goes alone: its answer need not wait for those of others.
        """
        batch: list[Waiting] = []
        while self._queue and len(batch) < most:
            following = self._queue[0]
            gains = following.index.gains_by_company(following.query)
            if batch and not (gains and following.index is batch[0].index):
                break
            batch.append(self._queue.popleft())
            if not gains:
                break
        return batch

    def _answer(self, batch: list[Waiting]) -> None:
        asked = [one for one in batch if one.answer.set_running_or_notify_cancel()]
        if not asked:
            return
        with self._changed:
            self.queries, self.batches = self.queries + len(asked), self.batches + 1
        try:
            found = asked[0].index.answer([one.query for one in asked])
        except Exception as error:
            self._answer_alone(asked, error)
        else:
            for one, hits in zip(asked, found, strict=True):
                one.answer.set_result(hits)

    @staticmethod
    def _answer_alone(asked: list[Waiting], error: Exception) -> None:
        """One query that cannot be answered must not take the others with it."""
        if len(asked) == 1:
            asked[0].answer.set_exception(error)
            return
        for one in asked:
            try:
                one.answer.set_result(one.index.answer([one.query])[0])
            except Exception as own:  # whatever it is, whoever asked hears of it
                one.answer.set_exception(own)
