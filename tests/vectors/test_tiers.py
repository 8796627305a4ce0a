"""Merging must keep segments few, and rewrite no row more often than the logarithm allows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.vectors import tiers
from soundalike.vectors.tiers import FAN_OUT, SMALLEST, tier, to_merge


@given(albums=st.lists(st.integers(1, 400), min_size=1, max_size=300))
def test_segments_stay_few_and_rows_are_seldom_written(albums: list[int]) -> None:
    segments: dict[str, int] = {}
    written = 0
    for number, tracks in enumerate(albums):
        segments[f"{number}"] = tracks
        while chosen := to_merge({name: (rows, rows) for name, rows in segments.items()}):
            merged = sum(segments.pop(name) for name in chosen)
            segments[f"{number} {len(chosen)} {merged}"] = merged
            written += merged
    total = sum(albums)
    assert sum(segments.values()) == total, "no row is lost, none is there twice"
    levels = tier(total) + 1
    assert len(segments) <= (FAN_OUT - 1) * levels
    # A row leaves each tier once; only in the lowest one, of 256 rows at most, it may stay.
    assert written <= total * (levels + FAN_OUT * SMALLEST / (FAN_OUT - 1))


def test_an_album_is_rewritten_a_few_times_in_a_library_of_a_hundred_thousand() -> None:
    segments, written = {"first": 100_000}, 0
    for number in range(400):
        segments[str(number)] = 12
        chosen = to_merge({name: (rows, rows) for name, rows in segments.items()})
        if chosen:
            merged = sum(segments.pop(name) for name in chosen)
            segments[f"m{number}"] = merged
            written += merged
    assert "first" in segments, "what is large is left alone"
    assert written / (400 * 12) < 2 * math.log(400 * 12, FAN_OUT)


@given(
    albums=st.lists(st.integers(1, 5000), min_size=1, max_size=300),
    between=st.integers(1, 9),
    largest=st.integers(2, 6).map(lambda level: SMALLEST * FAN_OUT**level),
)
def test_what_is_written_is_bounded_and_segments_stay_few(
    albums: list[int], between: int, largest: int
) -> None:
    """Merges may also wait for a while, so that many segments are due at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiers, "MAX_ROWS", largest)
        segments: dict[str, int] = {}
        for number, tracks in enumerate(albums):
            segments[f"{number}"] = tracks
            if number % between and number < len(albums) - 1:
                continue
            while chosen := to_merge({name: (rows, rows) for name, rows in segments.items()}):
                assert len(chosen) > 1
                merged = sum(segments.pop(name) for name in chosen)
                segments[f"{number} {len(chosen)} {merged}"] = merged
                assert merged <= largest
    assert sum(segments.values()) == sum(albums)
    settled = sum(rows >= largest // FAN_OUT for rows in segments.values())
    assert len(segments) - settled <= (FAN_OUT - 1) * (tier(largest) - 1)


def test_of_worn_segments_no_more_rows_are_written_together_than_a_segment_may_have() -> None:
    half = tiers.MAX_ROWS // 2
    worn = {"a": (half, 2 * half), "b": (half, 2 * half), "c": (half + 1, 2 * half)}
    assert to_merge(worn) == ["a", "b"]
    assert to_merge({"c": worn["c"]}) == ["c"]
    too_large = tiers.MAX_ROWS + 1, 2 * tiers.MAX_ROWS
    assert to_merge({"of before": too_large}) == [], (
        "its vectors are written anew when half is gone"
    )


@pytest.mark.parametrize(("alive", "due"), [(75, False), (74, True)])
def test_a_segment_whose_rows_went_is_written_again(alive: int, due: bool) -> None:
    assert to_merge({"worn": (alive, 100), "whole": (100_000, 100_000)}) == ["worn"] * due


def test_a_lone_segment_is_left_alone() -> None:
    assert to_merge({"one": (10, 10)}) == []
    assert to_merge({}) == []


def test_smaller_segments_go_along_when_a_tier_is_merged() -> None:
    """Left beside it, they would be written again soon, for the sake of a few rows."""
    large = {f"large {number}": (SMALLEST * FAN_OUT, SMALLEST * FAN_OUT) for number in range(4)}
    largest = {"largest": (SMALLEST * FAN_OUT**3, SMALLEST * FAN_OUT**3)}
    assert to_merge({**large, **largest, "small": (3, 3)}) == sorted([*large, "small"])
