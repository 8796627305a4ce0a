"""Columns that are put together have each track once, as it is now."""

import pytest

from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.columns.table import TrackColumns, concatenated, merged, plain_table
from soundalike.catalog.tracks import TrackView


def titled(track: str, title: str) -> TrackFacts:
    view = TrackView(track, title, None, [], None, None, [], None, 1.0, None, None, [])
    return TrackFacts(view, [], None, [], [], [])


def titles(columns: TrackColumns) -> list[tuple[str, str]]:
    views = [columns.view(row) for row in range(len(columns))]
    return [(view.id, view.title) for view in views]


BASE = TrackColumns.of([titled("a", "A"), titled("c", "C"), titled("d", "D")])


@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ([("c", "new")], [("a", "A"), ("c", "new"), ("d", "D")]),
        ([("b", "B"), ("d", "new")], [("a", "A"), ("b", "B"), ("c", "C"), ("d", "new")]),
        ([], [("a", "A"), ("c", "C"), ("d", "D")]),
    ],
)
def test_what_changed_replaces_what_was(
    newer: list[tuple[str, str]], expected: list[tuple[str, str]]
) -> None:
    changed = TrackColumns.of(titled(*each) for each in newer)
    rows = BASE.rows_of([track for track, _ in newer])
    assert titles(merged(BASE, rows[rows >= 0], changed)) == expected


def test_a_track_that_is_gone_is_left_out() -> None:
    assert titles(merged(BASE, BASE.rows_of(["c"]), TrackColumns.of(()))) == [
        ("a", "A"),
        ("d", "D"),
    ]


@pytest.mark.parametrize("last", ["z", "zz"], ids=["ids of one width", "of two"])
def test_parts_are_put_together_in_the_order_of_ids(last: str) -> None:
    parts = [plain_table([titled(last, "Z")]), plain_table([titled("c", "C"), titled("a", "A")])]
    for each in (parts, parts[::-1]):
        whole = concatenated(each)
        assert titles(whole) == [("a", "A"), ("c", "C"), (last, "Z")]
        assert whole.rows_of(["a", last, "zzz", "b"]).tolist() == [0, 2, -1, -1]
