"""Covers: which of the segments on the disk hold the rows of an index version, and which rows none.

A version is what goes into it; the segments are only how that lies on the disk. So whoever opens a
version, builds the next one or merges takes the cover of few large segments that is there now.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from soundalike.vectors.segment_files import SegmentManifest, SourceBatch

MIN_ALIVE = 0.5  # of a segment's rows: others cost more to scan than to write anew
NO_ROWS: frozenset[int] = frozenset()


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
        removed = self.removed.get(key)
        if not batch.left_out and not removed:  # as most: a large segment has thousands of batches
            return NO_ROWS
        return frozenset(batch.left_out).union(removed or ())


@dataclass(frozen=True)
class Holding:
    """A segment and, by batch of a version, the rows `without` which it holds the batch."""

    segment: SegmentManifest
    without: Mapping[str, frozenset[int]]

    @classmethod
    def of(cls, segment: SegmentManifest, wanted: Wanted) -> "Holding":
        """Leave out batches that the version has not."""
        parts = ((key, wanted.without(key, batch)) for key, batch in segment.batches.items())
        return cls(segment, {key: rows for key, rows in parts if rows is not None})

    @cached_property
    def tracks(self) -> int:
        """The number of the segment's rows that the version has."""
        batches = self.segment.batches
        return sum(batches[key].rows - len(without) for key, without in self.without.items())

    def lacks_rows(self, wanted: Wanted) -> bool:
        """Return whether the version has rows of its batches that the segment has not."""
        return any(
            without and not without.issubset(wanted.removed.get(key, ()))
            for key, without in self.without.items()
        )


@dataclass(frozen=True)
class Cover:
    """Segments that hold rows of a version, each row once; and the rows that none of them holds.

    `missing` has rows by batch, None for all of a batch.
    """

    segments: list[SegmentManifest]
    missing: dict[str, frozenset[int] | None]


def cover(
    available: Collection[SegmentManifest],
    wanted: Wanted,
    named: Collection[SegmentManifest] = (),
) -> Cover:
    """Choose segments that passed their checks: those with the most rows of the version first.

    Or, if that leaves fewer rows out, first those that lack no row of their batches, as another one
    may have been merged while a track was away; or those that the version `named`, whatever of
    their rows it has and whatever their checks said.
    """
    there = {each.name: each for each in (*available, *named)}
    held = {name: Holding.of(each, wanted) for name, each in there.items()}
    usable = [
        holding
        for segment in available
        if wanted.coding in ("", segment.coding) and not segment.failed_checks
        if (holding := held[segment.name]).tracks and holding.tracks >= MIN_ALIVE * segment.tracks
    ]
    # Most rows of the version first; of equal ones that with the fewest rows besides.
    ordered = sorted(usable, key=lambda h: (-h.tracks, h.segment.tracks, h.segment.name))
    whole = sorted(ordered, key=lambda holding: holding.lacks_rows(wanted))
    orders = ordered, whole, [held[segment.name] for segment in named]
    return min((_greedy(order, wanted) for order in orders), key=_cost)


def _greedy(ordered: Iterable[Holding], wanted: Wanted) -> Cover:
    """Take each segment that holds only rows that are missing so far."""
    missing: dict[str, frozenset[int] | None] = dict.fromkeys(wanted.batches)
    chosen = []
    for holding in ordered:
        if (left := _less(missing, holding, wanted)) is not None:
            missing |= left
            chosen.append(holding.segment)
    return Cover(chosen, {key: rows for key, rows in missing.items() if rows or rows is None})


def _cost(found: Cover) -> tuple[int, int, int]:
    """The batches that are missing as a whole, the other missing rows, and the segments."""
    parts = [len(rows) for rows in found.missing.values() if rows is not None]
    return len(found.missing) - len(parts), sum(parts), len(found.segments)


def _less(
    missing: Mapping[str, frozenset[int] | None], holding: Holding, wanted: Wanted
) -> dict[str, frozenset[int] | None] | None:
    """The rows of its batches that are missing with it; None if it holds one that is not."""
    left: dict[str, frozenset[int] | None] = {}
    for key, without in holding.without.items():
        before = missing[key]
        if before is None:
            left[key] = without.difference(wanted.removed.get(key, ())) if without else NO_ROWS
            continue
        left[key] = still = before & without
        if len(before) - len(still) != holding.segment.batches[key].rows - len(without):
            return None
    return left
