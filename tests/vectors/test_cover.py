"""Covers: a version is put together from the segments on the disk, however they came about."""

import datetime as dt
from collections.abc import Mapping

import pytest

from soundalike.vectors.artifact_files import Check
from soundalike.vectors.cover import Holding, Wanted, cover
from soundalike.vectors.recall import _most_missed
from soundalike.vectors.segment_files import SegmentManifest, SourceBatch

ROWS = {"b1": 6, "b2": 2}


def segment(left_out: Mapping[str, tuple[int, ...]], *, passed: bool = True) -> SegmentManifest:
    """One of these batches, less the rows that it left out."""
    batches = {
        key: SourceBatch(sha256=key, rows=ROWS[key], left_out=rows)
        for key, rows in left_out.items()
    }
    return SegmentManifest(
        space="s",
        space_fingerprint="s",
        dimension=2,
        coding="",
        id_bytes=4,
        batches=batches,
        files={},
        sizes={},
        checks=[Check(name="recall", passed=passed, detail="")],
        dagster_run_id=None,
        created_at=dt.datetime.now(dt.UTC),
    )


def one_row(row: int) -> SegmentManifest:
    return segment({"b1": tuple(each for each in range(6) if each != row)})


def test_rows_that_came_back_one_by_one_are_found_again_after_a_merge_left_another_out() -> None:
    """The version of before the merge is rolled back to: what it named still holds its rows."""
    first = segment({"b1": (1, 2), "b2": ()})
    back = [one_row(1), one_row(2)]
    merged = segment({"b1": (5,), "b2": ()})
    version = Wanted({"b1": "b1", "b2": "b2"}, {}, "")
    named = [first, *back]
    found = cover([*named, merged], version, named)
    assert not found.missing
    assert {each.name for each in found.segments} == {each.name for each in named}
    later = Wanted({"b1": "b1", "b2": "b2"}, {"b1": [5]}, "")
    assert [each.name for each in cover([*named, merged], later, named).segments] == [merged.name]


def test_a_segment_that_failed_its_checks_is_only_of_the_version_that_named_it() -> None:
    failed = segment({"b1": (), "b2": ()}, passed=False)
    version = Wanted({"b1": "b1", "b2": "b2"}, {}, "")
    assert cover([failed], version).segments == []
    assert cover([failed], version, [failed]).segments == [failed]


def test_a_segment_of_an_earlier_write_of_a_batch_holds_none_of_its_rows() -> None:
    earlier = segment({"b1": (), "b2": ()})
    version = Wanted({"b1": "written again", "b2": "b2"}, {}, "")
    assert Holding.of(earlier, version).tracks == ROWS["b2"]
    assert cover([earlier], version, [earlier]).missing == {"b1": None}


@pytest.mark.parametrize(
    ("floor", "relevant", "missed"),
    [(0.999, 2000, 2), (0.98, 200, 4), (0.98, 2000, 40), (0.999, 200, 1), (1.0, 10, 0)],
)
def test_as_many_misses_are_allowed_as_the_floor_says(
    floor: float, relevant: int, missed: int
) -> None:
    assert _most_missed(floor, relevant) == missed
