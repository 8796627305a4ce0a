"""An index is due when enough tracks are new or enough time has passed, and at once at first."""

import datetime as dt

import pytest

from soundalike.catalog.publications import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow, PublicationRow
from soundalike.ingest.next_index import NextIndex, PublishRule, publication_due

RULE = PublishRule(tracks=100, minutes=60)
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def wanted(new: int) -> NextIndex:
    """An index of so many tracks more than the one that was published at noon."""
    index = IndexVersionRow(version="v1", tracks=50)
    served = PublishedIndex(index=index, publication=PublicationRow(published_at=NOON))
    return NextIndex("v2", "", tracks=50 + new, served=served)


@pytest.mark.parametrize(
    ("new", "minutes", "due"),
    [(99, 59.9, False), (100, 0, True), (99, 60, True), (-50, 59.9, False), (-50, 60, True)],
)
def test_it_is_due_by_tracks_or_by_minutes(new: int, minutes: float, due: bool) -> None:
    told = publication_due(wanted(new), RULE, NOON + dt.timedelta(minutes=minutes))
    assert (told is None) == due
    if told:
        assert f"100 tracks are new ({max(new, 0)} are), or at 13:00 UTC" in told


def test_the_first_index_of_a_library_is_due_at_once() -> None:
    assert publication_due(NextIndex("v1", "", tracks=1), RULE, NOON) is None
