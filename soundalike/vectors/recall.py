"""recall@10: the share of the true nearest rows that an index finds, on held-out queries."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from soundalike.vectors import ground_truth
from soundalike.vectors.artifact_files import Check
from soundalike.vectors.ground_truth import GroundTruth
from soundalike.vectors.kinds import RECALL_FLOOR
from soundalike.vectors.neighbours import SearchIndex

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.index.open_index import OpenIndex

RECALL = "recall_at_10"
QUERIES = 200  # or as many as there are tracks
WHOLE_QUERIES = 20  # of an index of several segments, each of which was measured by itself
BATCH = 50


def check_recall(
    index: "OpenIndex", truth: GroundTruth | None = None, searched: SearchIndex | None = None
) -> Check:
    """Check recall@10 against the floor of the index's kind; of another one `searched`, if given.

    That one has the same tracks. `truth` is what is to be found in this version; if it is None, it
    is measured, for which all vectors are read. It passes with as many neighbours missed as the
    floor allows of so many, rounded up.
    """
    floor = RECALL_FLOOR[index.manifest.kind]
    truth = truth or ground_truth.measure(index, min(QUERIES, len(index)))
    found, relevant = _found(searched or index, index, truth)
    return Check(
        name=RECALL,
        passed=relevant - found <= _most_missed(floor, relevant),
        detail=f"{found / relevant if relevant else 1:.4f} on {len(truth.vectors)} held-out "
        f"queries, at least {floor} is needed",
    )


def recalls_too_little(failed: Iterable[Check]) -> bool:
    """Return whether the check of recall is among those that failed."""
    return any(check.name == RECALL for check in failed)


def _found(searched: SearchIndex, index: "OpenIndex", truth: GroundTruth) -> tuple[int, int]:
    """The number of true ten nearest (or all, if fewer) that are found, and of all of them.

    A row that is tied with the true tenth counts as one of them.
    """
    correct = relevant = 0
    queries, true_scores = truth.queries, truth.true_scores(index)
    for start in range(0, len(queries), BATCH):
        batch = slice(start, start + BATCH)
        for hits, true in zip(searched.neighbours(queries[batch]), true_scores[batch], strict=True):
            correct += int((hits.scores[: len(true)] >= true.min(initial=2)).sum())
            relevant += len(true)
    return correct, relevant


def _most_missed(floor: float, relevant: int) -> int:
    """Return how many neighbours may be missed; a share of them, without its last digits' error."""
    return math.ceil(round((1 - floor) * relevant, 6))
