"""Columns that are put together have each track once, as it is now."""

from pathlib import Path

import pytest

from soundalike.catalog.columns import building
from soundalike.catalog.columns.building import PLAIN, columns_of, concatenated, merged, plain_table
from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.columns.spill import Spill
from soundalike.catalog.columns.table import TrackColumns
from soundalike.catalog.tracks import TrackView


def titled(track: str, title: str) -> TrackFacts:
    view = TrackView(track, title, None, ["Ana"], None, None, [title], None, 1.0, None, None, [])
    return TrackFacts(view, [f"artist:{track}"], None, [], [f"{title}.mp3"], ["Music"])


def titles(columns: TrackColumns) -> list[tuple[str, str]]:
    views = [columns.view(row) for row in range(len(columns))]
    return [(view.id, view.title) for view in views]


BASE = columns_of([titled("a", "A"), titled("c", "C"), titled("d", "D")])


@pytest.mark.parametrize("rows_at_once", [1, 2, 50_000])
@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ([("c", "new")], [("a", "A"), ("c", "new"), ("d", "D")]),
        ([("b", "B"), ("d", "new")], [("a", "A"), ("b", "B"), ("c", "C"), ("d", "new")]),
        ([("0", "0"), ("zz", "Z")], [("0", "0"), ("a", "A"), ("c", "C"), ("d", "D"), ("zz", "Z")]),
        ([], [("a", "A"), ("c", "C"), ("d", "D")]),
    ],
)
def test_what_changed_replaces_what_was(
    newer: list[tuple[str, str]],
    expected: list[tuple[str, str]],
    rows_at_once: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "ROWS_AT_ONCE", rows_at_once)
    rows = BASE.rows_of([track for track, _ in newer])
    changed = columns_of(titled(*each) for each in newer)
    whole = merged(BASE, rows[rows >= 0], changed, tmp_path)
    assert titles(whole) == expected
    assert whole.table.equals(columns_of(titled(*each) for each in expected).table)


def test_a_track_that_is_gone_is_left_out(tmp_path: Path) -> None:
    whole = merged(BASE, BASE.rows_of(["c"]), columns_of(()), tmp_path)
    assert titles(whole) == [("a", "A"), ("d", "D")]


def test_no_tracks_and_the_first_ones(tmp_path: Path) -> None:
    none = columns_of(())
    assert titles(merged(none, none.rows_of([]), none, tmp_path)) == []
    assert titles(merged(none, none.rows_of([]), BASE, tmp_path)) == titles(BASE)


@pytest.mark.parametrize("last", ["z", "zz"], ids=["ids of one width", "of two"])
def test_parts_are_put_together_in_the_order_of_ids(last: str, tmp_path: Path) -> None:
    parts = [plain_table([titled(last, "Z")]), plain_table([titled("c", "C"), titled("a", "A")])]
    for each in (parts, parts[::-1]):
        with Spill(tmp_path, PLAIN) as spill:
            for part in each:
                spill.add(part)
            whole = concatenated(spill)
        assert titles(whole) == [("a", "A"), ("c", "C"), (last, "Z")]
        assert whole.rows_of(["a", last, "zzz", "b"]).tolist() == [0, 2, -1, -1]
