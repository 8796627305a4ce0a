"""A snapshot joins its own columns with the index, whichever were joined with it before."""

from pathlib import Path

from serving.columns.snapshot import Snapshot
from soundalike.catalog.columns.building import columns_of
from soundalike.catalog.columns.facets import Facet
from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.file_views import FileView
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.index.open_index import OpenIndex
from tests.indexes import unit_vectors, write_index

NONE = columns_of([])


def facts(track_id: str, year: int | None = None) -> TrackFacts:
    file = FileView("music", "a.flac", b"a.flac", b"/music")
    view = TrackView(track_id, "T", None, [], None, None, [], year, 1.0, None, file, [])
    return TrackFacts(view, [], None, [], ["a.flac"], ["music"])


def test_rows_are_those_of_the_columns_that_a_snapshot_has(tmp_path: Path) -> None:
    index = OpenIndex.open(write_index(tmp_path / "v", unit_vectors(3, 8)))
    for number, (tracks, expected) in enumerate(
        (
            (["t0000", "t0001", "t0002"], [0, 1, 2]),
            (["t0001", "t0002"], [None, 0, 1]),
            (["t0000", "t0000 and a half", "t0002"], [0, None, 2]),
        )
    ):
        snapshot = Snapshot(number, columns_of(map(facts, tracks)), NONE)
        assert snapshot.rows_in_parts(index).to_pylist() == expected
        there = [row for row, at in enumerate(expected) if at is not None]
        assert snapshot.allowed_rows(TrackFilter(), index).tolist() == there


def test_what_changed_is_where_it_is_now_and_what_is_gone_nowhere(tmp_path: Path) -> None:
    index = OpenIndex.open(write_index(tmp_path / "v", unit_vectors(3, 8)))
    base = columns_of(map(facts, ["t0000", "t0001", "t0002"]))
    newer = columns_of([facts("t0001")])
    snapshot = Snapshot(1, base, newer, frozenset(("t0001", "t0002")))
    assert snapshot.rows_in_parts(index).to_pylist() == [0, 3, None]
    assert snapshot.allowed_rows(TrackFilter(), index).tolist() == [0, 1]
    assert snapshot.views(["t0002", "t0001", "t0000"]).keys() == {"t0000", "t0001"}


def test_a_value_counts_for_the_tracks_that_have_it_now() -> None:
    """The second track was retagged, the third is gone, and the fourth is asked to be left out."""
    base = columns_of([facts(f"t{number}", 1999) for number in range(4)])
    snapshot = Snapshot(1, base, columns_of([facts("t1", 2020)]), frozenset(("t1", "t2")))
    years = Facet("years", "", TrackFilter())
    found = snapshot.facet(years, ["t3"]).after(None, 10)
    assert [(value.value, value.tracks) for value in found] == [("1999", 1), ("2020", 1)]
    assert [value.value for value in snapshot.facet(years, ["t1"]).after(None, 10)] == ["1999"]
