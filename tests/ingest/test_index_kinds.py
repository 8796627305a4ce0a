"""The kind an index is built as: chosen, recorded, and refused where it finds too little."""

import pytest

from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError
from soundalike.ingest import segments
from soundalike.ingest.build_index import build_index
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import checks, kinds
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.recall import check_recall
from tests.indexes import neighbours
from tests.serving.collection import SPACE, Collection, numbered


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    made = Collection(sessions, store)
    made.add(*numbered(60))
    return made


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


@pytest.mark.parametrize("enough", [True, False])
def test_the_recall_of_a_whole_index_is_measured_by_its_build_alone(
    enough: bool, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All vectors are read for it, so that the check of a new album does not measure it again."""
    sessions, store = collection.sessions, collection.store
    monkeypatch.setattr(segments, "TRAINED_ON", (20,))
    collection.kind = "flat+pq"
    collection.publish()
    collection.add(*numbered(5))
    floor = kinds.RECALL_FLOOR["flat+pq"]
    monkeypatch.setitem(kinds.RECALL_FLOOR, "flat+pq", floor if enough else 1.01)
    collection.build()
    monkeypatch.setitem(kinds.RECALL_FLOOR, "flat+pq", floor)
    sizes: list[int] = []
    monkeypatch.setattr(
        checks,
        "check_recall",
        lambda index, *count: sizes.append(len(index)) or check_recall(index, *count),
    )
    found = {check.name: check.passed for check in check_candidate(sessions, store, SPACE)}
    assert sizes == [5]
    assert found["recall_at_10"] is enough
