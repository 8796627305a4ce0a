from pathlib import Path

import pytest

from soundalike.catalog.columns import column_files
from soundalike.catalog.columns.building import columns_of
from soundalike.catalog.columns.changes import Moment
from soundalike.catalog.columns.column_files import newest_moment, open_columns, write_columns
from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.columns.table import TrackColumns
from soundalike.catalog.tracks import TrackView

DATABASE = "7400-1"


def columns(*ids: str) -> TrackColumns:
    return columns_of(facts(track_id) for track_id in ids)


def facts(track_id: str) -> TrackFacts:
    view = TrackView(track_id, "Title", None, [], None, None, [], None, 200.0, 1.0, None, [])
    return TrackFacts(view=view, recording=None, names=[], isrcs=[], paths=[], roots=[])


def at(xid: int, database: str = DATABASE) -> Moment:
    return Moment(database, xid, None, 0)


@pytest.mark.parametrize(
    ("later", "kept"), [(at(12), 12), (at(9), 10), (at(10), 10), (at(9, "another"), 9)]
)
def test_columns_are_replaced_by_newer_ones_and_those_of_another_database(
    tmp_path: Path, later: Moment, kept: int
) -> None:
    write_columns(tmp_path, columns("a"), at(10))
    write_columns(tmp_path, columns("a", "b"), later)
    opened = open_columns(tmp_path)
    assert opened
    assert opened[1] == newest_moment(tmp_path)
    assert opened[1].xid == kept
    assert len(opened[0]) == (1 if later == at(9) else 2)


def test_columns_of_another_format_are_not_read_but_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(column_files, "FORMAT", column_files.FORMAT - 1)
        write_columns(tmp_path, columns("a"), at(10))
    assert newest_moment(tmp_path) is None
    assert open_columns(tmp_path) is None
    write_columns(tmp_path, columns("a", "b"), at(9))
    opened = open_columns(tmp_path)
    assert opened and len(opened[0]) == 2
