"""Covers: which of the segments on the disk hold the rows of an index version, and which rows none.

A version is what goes into it; the segments are only how that lies on the disk. So whoever opens a
version, builds the next one or merges takes the cover of few large segments that is there now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from soundalike.vectors.segment_files import SegmentManifest, SourceBatch

MIN_ALIVE = 0.5  # of a segment's rows: others cost more to scan than to write anew


@dataclass(frozen=True)
class Wanted:
    """The rows of a version: its batches' hashes, less `removed` rows of them; and its coding.

    `coding` is that of SegmentManifest; a version without codes takes segments with any.
    """

    batches: Mapping[str, str]
    removed: Mapping[str, Iterable[int]]
    coding: str

    def without(self, key: str, batch: SourceBatch) -> frozenset[int] | None:
        """The rows that a segment lacks or the version removed; None if it is another batch."""
        if self.batches.get(key) != batch.sha256:
            return None
        return frozenset(batch.left_out).union(self.removed.get(key, ()))

    def tracks_in(self, segment: SegmentManifest) -> int:
        """The number of the segment's rows that the version has."""
        return sum(
            batch.rows - len(without)
            for key, batch in segment.batches.items()
            if (without := self.without(key, batch)) is not None
        )


@dataclass(frozen=True)
class Cover:
    """Segments that hold rows of a version, each row once; and the rows that none of them holds.

    `missing` has rows by batch, None for all of a batch.
    """

    segments: list[SegmentManifest]
    missing: dict[str, frozenset[int] | None]


def cover(
    available: Iterable[SegmentManifest], wanted: Wanted, named: Iterable[SegmentManifest] = ()
) -> Cover:
    """Choose segments that passed their checks: those with the most rows of the version first.

    Or, if that leaves fewer rows out, first those that lack no row of their batches, as another one
    may have been merged while a track was away; or those that the version `named`, whatever of
    their rows it has and whatever their checks said.
    """
    counted = [
        (wanted.tracks_in(segment), segment)
        for segment in available
        if wanted.coding in ("", segment.coding) and not segment.failed_checks
    ]
    usable = [
        (tracks, segment)
        for tracks, segment in counted
        if tracks and tracks >= MIN_ALIVE * segment.tracks
    ]
    # Most rows of the version first; of equal ones that with the fewest rows besides.
    largest = sorted(usable, key=lambda pair: (-pair[0], pair[1].tracks, pair[1].name))
    ordered = [segment for _, segment in largest]
    whole = sorted(ordered, key=lambda segment: _lacks_rows(segment, wanted))
    orders = ordered, whole, list(named)
    return min((_greedy(order, wanted) for order in orders), key=_cost)


def _greedy(ordered: Iterable[SegmentManifest], wanted: Wanted) -> Cover:
    """Take each segment that holds only rows that are missing so far."""
    missing: dict[str, frozenset[int] | None] = dict.fromkeys(wanted.batches)
    chosen = []
    for segment in ordered:
        if (left := _less(missing, segment, wanted)) is not None:
            missing |= left
            chosen.append(segment)
    return Cover(chosen, {key: rows for key, rows in missing.items() if rows or rows is None})


def _cost(found: Cover) -> tuple[int, int, int]:
    """The batches that are missing as a whole, the other missing rows, and the segments."""
    parts = [len(rows) for rows in found.missing.values() if rows is not None]
    return len(found.missing) - len(parts), sum(parts), len(found.segments)


def _lacks_rows(segment: SegmentManifest, wanted: Wanted) -> bool:
    return any(
        wanted.batches.get(key) == batch.sha256
        and not set(batch.left_out) <= set(wanted.removed.get(key, ()))
        for key, batch in segment.batches.items()
    )


def _less(
    missing: Mapping[str, frozenset[int] | None], segment: SegmentManifest, wanted: Wanted
) -> dict[str, frozenset[int] | None] | None:
    """The rows of its batches that are missing with it; None if it holds one that is not."""
    left: dict[str, frozenset[int] | None] = {}
    for key, batch in segment.batches.items():
        without = wanted.without(key, batch)
        if without is None:
            continue
        before = missing[key]
        if before is None:
            left[key] = without.difference(wanted.removed.get(key, ()))
            continue
        left[key] = before & without
        if len(before) - len(left[key] or ()) != batch.rows - len(without):
            return None
    return left
