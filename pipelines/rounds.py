"""Rounds of work: `soundalike ingest` goes on while one batch makes work for another.

A file that was moved is read with its new batch, and may be the only file of a track of an older
one, which is pending again from then on.
"""

from collections.abc import Callable, Sequence

from soundalike.catalog.batches import PendingBatch

MAX_ROUNDS = 10


def work_off(
    pending: Callable[[], Sequence[PendingBatch]], work: Callable[[list[str]], None]
) -> Sequence[PendingBatch]:
    """Work on the batches that are pending, round by round, and return those that are left.

    A batch is tried once in each of its states, so one that fails is not tried for ever.
    """
    tried: set[PendingBatch] = set()
    for _ in range(MAX_ROUNDS):
        new = [batch for batch in pending() if batch not in tried]
        if not new:
            break
        tried.update(new)
        work([batch.key for batch in new])
    return pending()
