"""An ingest must not end with work left that it could have done, nor go on for ever."""

from collections.abc import Sequence

import pytest

from pipelines.rounds import MAX_ROUNDS, work_off
from soundalike.catalog import index_contents
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.ingest.identify import identify_batch
from soundalike.progress import NoProgress
from tests.library import Library
from tests.sounds import song


def pending(library: Library) -> Sequence[PendingBatch]:
    with library.sessions() as session:
        return pending_batches(session, library.model.space.key)


def test_a_track_whose_file_was_moved_after_it_was_read_is_embedded(library: Library) -> None:
    """Its new file is read with the second batch, and makes the first one pending again."""
    song(library.music / "a.flac", seconds=2.0)
    library.scan()
    identify_batch(library.sessions, library.store, library.decoders, "b000001", NoProgress())
    (library.music / "a.flac").rename(library.music / "b.flac")
    library.scan()
    rounds: list[list[str]] = []

    def work(keys: list[str]) -> None:
        rounds.append(keys)
        for key in keys:
            library.process(key)

    assert work_off(lambda: pending(library), work) == []
    assert len(rounds) > 1, "one listing of the pending batches would have left the track out"
    with library.sessions() as session:
        assert index_contents.contents(session, library.model.space.key).tracks == 1


def test_a_batch_that_cannot_be_done_is_tried_once_and_left(library: Library) -> None:
    song(library.music / "a.flac", seconds=2.0)
    library.scan()
    rounds: list[list[str]] = []
    [left] = work_off(lambda: pending(library), rounds.append)
    assert left.key == "b000001"
    assert rounds == [["b000001"]]


@pytest.mark.parametrize("states", [MAX_ROUNDS, 10 * MAX_ROUNDS])
def test_a_library_that_changes_all_the_time_ends_it_too(states: int) -> None:
    changing = iter([PendingBatch("b000001", str(number)) for number in range(states + 1)])
    rounds: list[list[str]] = []
    assert work_off(lambda: [next(changing)], rounds.append)
    assert len(rounds) == MAX_ROUNDS
