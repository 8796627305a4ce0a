"""The kind an index is built as: chosen, recorded, and refused where it finds too little."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError
from soundalike.ingest import segments
from soundalike.ingest.build_index import build_index
from soundalike.ingest.healing import set_damaged_segments_aside
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.storage.atomic import remove_folder
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import ground_truth, kinds
from soundalike.vectors.artifact_files import INDEX
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours
from soundalike.vectors.segment_files import segment_names
from tests.damage import overwrite
from tests.indexes import neighbours
from tests.serving.collection import SPACE, Collection, numbered


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    made = Collection(sessions, store)
    made.add(*numbered(60))
    return made


@pytest.fixture
def coded(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A published index with codes, which an album does not change."""
    monkeypatch.setattr(segments, "TRAINED_ON", (20,))
    collection.kind = "flat+pq"
    collection.publish()
    return collection


@pytest.mark.slow
def test_a_chosen_kind_is_built_recorded_and_another_version(collection: Collection) -> None:
    sessions, store = collection.sessions, collection.store
    flat = build_index(sessions, store, SPACE, "auto").manifest
    coded = build_index(sessions, store, SPACE, "flat+pq", "auto").manifest
    assert (flat.kind, coded.kind) == ("flat", "flat+pq")
    assert flat.version != coded.version
    assert (flat.coding, coded.coding[:8]) == ("", "flat+pq:")
    assert "recall_at_10" in {check.name for check in coded.checks}
    one, other = (OpenIndex.open(store.index(m.version)) for m in (flat, coded))
    for track in collection.vectors:
        assert neighbours(one, track, 10) == neighbours(other, track, 10)


@pytest.mark.slow
def test_the_choice_of_kind_changes_what_the_library_calls_for(collection: Collection) -> None:
    sessions, store = collection.sessions, collection.store
    version = collection.publish()
    assert next_index(sessions, store, SPACE, "auto").version is None, "up to date"
    called_for = next_index(sessions, store, SPACE, "flat+pq").version
    assert called_for not in (None, version)
    built = build_index(sessions, store, SPACE, "flat+pq", "auto").manifest
    assert built.version == called_for


def test_an_index_below_its_floor_of_recall_is_not_published(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, store = collection.sessions, collection.store
    monkeypatch.setitem(kinds.RECALL_FLOOR, "flat+pq", 1.01)
    version = build_index(sessions, store, SPACE, "flat+pq", "auto").manifest.version
    failed = [check.name for check in check_candidate(sessions, store, SPACE) if not check.passed]
    assert failed == ["recall_at_10"]
    with pytest.raises(ArtifactError, match=r"recall_at_10: 1\.0000"):
        publish(sessions, store, SPACE, version)


def test_codes_that_find_too_little_are_not_written_again_for_each_album(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "TRAINED_ON", (20,))
    monkeypatch.setattr(kinds, "MIN_TRACKS_FOR_CODES", 2)
    monkeypatch.setitem(kinds.RECALL_FLOOR, "flat+pq", 1.01)
    first = read_manifest(collection.store.index(collection.publish()))
    assert (first.kind, len(segment_names(collection.store.segments))) == ("flat", 2)
    collection.add(*numbered(3))
    second = read_manifest(collection.store.index(collection.publish()))
    new = set(segment_names(collection.store.segments)).difference(first.segments)
    assert (second.kind, len(second.segments), len(new)) == ("flat", 2, 2)
    for name in new - set(second.segments):
        remove_folder(collection.store.segments / name)
    monkeypatch.setitem(kinds.RECALL_FLOOR, "flat+pq", 0.5)
    collection.add(*numbered(3))
    third = read_manifest(collection.store.index(collection.publish()))
    assert third.kind == "flat+pq", "tried again once gc has removed them"


def test_the_check_of_an_album_reads_no_vectors_but_its_own(
    coded: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be found in the whole is known from its build; what is found is not."""
    sessions, store = coded.sessions, coded.store
    coded.add(*numbered(5))
    coded.build()
    measured, followed = recorded(monkeypatch)
    assert all(check.passed for check in check_candidate(sessions, store, SPACE))
    assert (measured, followed) == ([5], [])
    lose_the_nearest(monkeypatch)
    failed = [check.name for check in check_candidate(sessions, store, SPACE) if not check.passed]
    assert failed == ["recall_at_10"]
    assert (measured, followed) == ([5, 5], [])


def recorded(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[bool]]:
    """The sizes of the indexes whose vectors are all read, and whether another's truth follows."""
    measured: list[int] = []
    followed: list[bool] = []
    read, follow = ground_truth.measure, ground_truth.follow

    def measures(index: OpenIndex, count: int) -> ground_truth.GroundTruth:
        measured.append(len(index))
        return read(index, count)

    def follows(*arguments: Any) -> ground_truth.GroundTruth | None:
        truth = follow(*arguments)
        followed.append(truth is not None)
        return truth

    monkeypatch.setattr(ground_truth, "measure", measures)
    monkeypatch.setattr(ground_truth, "follow", follows)
    return measured, followed


def test_an_album_is_built_without_reading_the_vectors_of_the_library(
    coded: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = coded.store
    measured, followed = recorded(monkeypatch)
    for _ in range(2):
        coded.add(*numbered(5))
        coded.build()
    assert followed == [True, True], "of a version that was built and never published, too"
    assert set(measured) == {5}
    kept = ground_truth.load(store.ground_truth)
    assert kept
    assert kept.tracks == 60

    whole = store.ground_truth.read_bytes()
    lost: list[Callable[[], None]] = [
        store.ground_truth.unlink,
        lambda: overwrite(store.ground_truth, whole[:-100]),
        lambda: remove_folder(store.index(kept.version)),
    ]
    for tracks, lose in zip((75, 80, 85), lost, strict=True):
        lose()
        measured.clear()
        coded.add(*numbered(5))
        coded.build()
        assert [size for size in measured if size != 5] == [tracks], "measured anew, once"
        kept = ground_truth.load(store.ground_truth)
        assert kept
        assert kept.tracks == tracks


def test_recall_that_sinks_below_the_floor_is_seen_by_what_was_kept(
    coded: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded.add(*numbered(50))
    _, followed = recorded(monkeypatch)
    lose_the_nearest(monkeypatch)
    version = coded.build()
    assert followed == [True]
    failed = read_manifest(coded.store.index(version)).failed_checks
    assert [check.name for check in failed] == ["recall_at_10"]
    kept = ground_truth.load(coded.store.ground_truth)
    assert kept
    assert kept.version != version, "of an index that failed nothing is kept"


def lose_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of an index of several segments lose the first hit; those of one do not."""
    search = OpenIndex.neighbours

    def lossy(index: OpenIndex, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        lost = len(index.segments) > 1
        return [
            replace(found, scores=found.scores[lost:], track_ids=found.track_ids[lost:])
            for found in search(index, queries)
        ]

    monkeypatch.setattr(OpenIndex, "neighbours", lossy)


def test_what_was_measured_on_damaged_vectors_is_forgotten(coded: Collection) -> None:
    """A build takes segments that are served for whole; that they are not is found out later."""
    store = coded.store
    [segment] = segment_names(store.segments)
    coded.add(*numbered(5))
    store.ground_truth.unlink()
    index = store.segments / segment / INDEX
    whole = index.read_bytes()
    row = SPACE.dimension * 4
    overwrite(index, whole[: -40 * row] + whole[-row:] + whole[-40 * row : -row])
    version = coded.build()
    kept = ground_truth.load(store.ground_truth)
    assert kept
    assert kept.version == version
    assert set_damaged_segments_aside(store) == [segment]
    assert not store.ground_truth.exists()


def test_a_disk_that_is_full_costs_the_ground_truth_and_no_build(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(truth: ground_truth.GroundTruth, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ground_truth.GroundTruth, "save", full)
    collection.kind = "flat+pq"
    version = collection.publish()
    assert read_manifest(collection.store.index(version)).failed_checks == []
    assert not collection.store.ground_truth.exists()
