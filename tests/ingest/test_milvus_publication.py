"""A publication is in Milvus before it is served: whole, measured, once."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.catalog import publications
from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError, MilvusError
from soundalike.ingest.milvus_versions import put_collection
from soundalike.ingest.publish import publish
from soundalike.maintenance.garbage import IN_MILVUS, collect, find_garbage
from soundalike.maintenance.local_garbage import Retention
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.milvus_index import MilvusIndex
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.milvus.collection import (
    BUILDING,
    PUBLISHED,
    Found,
    MilvusCollection,
    name_of,
    names,
)
from soundalike.vectors.milvus.server import Milvus
from tests.milvus import emptied
from tests.serving.collection import SPACE, Collection, numbered

NEVER = Retention(indexes=0, days=30)


@pytest.fixture
def empty(milvus: Milvus) -> Milvus:
    return emptied(milvus)


@pytest.fixture
def music(sessions: Sessions, store: ArtifactStore) -> Collection:
    made = Collection(sessions, store)
    made.add(*numbered(30))
    return made


def published(music: Collection, milvus: Milvus, version: str | None = None) -> str:
    """What the pipeline does."""
    if version is None:
        music.build()
    return publish(music.sessions, music.store, SPACE, version, milvus=milvus).version


def alias_of(milvus: Milvus) -> str:
    with milvus.answering() as client:
        return str(client.describe_alias(PUBLISHED)["collection_name"])


def served(sessions: Sessions) -> str | None:
    with sessions() as session:
        now = publications.published(session)
    return now.index.version if now else None


def test_the_collection_holds_what_the_version_does(music: Collection, empty: Milvus) -> None:
    version = published(music, empty)
    assert names(empty) == [name_of(version)]
    assert alias_of(empty) == name_of(version)
    index = MilvusIndex.open(empty, read_manifest(music.store.index(version)))
    assert set(index.track_ids) == set(music.vectors)
    for track, vector in music.vectors.items():
        assert index.vectors_of([track]).tobytes() == vector.tobytes()


def test_the_alias_follows_publications_and_rollbacks(music: Collection, empty: Milvus) -> None:
    first = published(music, empty)
    music.add(*numbered(5))
    second = published(music, empty)
    assert alias_of(empty) == name_of(second)
    assert set(names(empty)) == {name_of(first), name_of(second)}
    published(music, empty, first)
    assert alias_of(empty) == name_of(first)


def test_nothing_is_written_twice(music: Collection, empty: Milvus) -> None:
    version = published(music, empty)
    with empty.answering() as client:
        before = client.describe_collection(name_of(version))["collection_id"]
    put_collection(music.sessions, empty, music.store, version)
    with empty.answering() as client:
        assert client.describe_collection(name_of(version))["collection_id"] == before


def test_a_half_written_collection_is_never_searched_and_goes_with_the_next(
    monkeypatch: pytest.MonkeyPatch, music: Collection, empty: Milvus
) -> None:
    monkeypatch.setattr("soundalike.ingest.milvus_versions.ROWS_AT_ONCE", 10)
    insert, written = MilvusCollection.insert, []

    def dies_in_the_middle(
        self: MilvusCollection, ids: list[str], vectors: NDArray[np.float32]
    ) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(ids)
        insert(self, ids, vectors)

    with monkeypatch.context() as patched:
        patched.setattr(MilvusCollection, "insert", dies_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            published(music, empty)
    [left] = names(empty)
    assert left.startswith(BUILDING)
    assert served(music.sessions) is None
    version = published(music, empty)
    assert names(empty) == [name_of(version)]
    assert served(music.sessions) == version


def test_a_milvus_that_does_not_find_enough_is_not_published(
    monkeypatch: pytest.MonkeyPatch, music: Collection, empty: Milvus
) -> None:
    first = published(music, empty)
    music.add(*numbered(5))
    nearest = MilvusCollection.nearest

    def misses_the_best(self: MilvusCollection, *asked: object) -> list[Found]:
        found = nearest(self, *asked)  # type: ignore[arg-type]
        return [Found(f.track_ids[3:], f.estimates[3:], f.vectors[3:]) for f in found]

    monkeypatch.setattr(MilvusCollection, "nearest", misses_the_best)
    monkeypatch.setattr("soundalike.vectors.index.milvus_search.READ_MOST", 0)
    with pytest.raises(ArtifactError, match=r"does not find enough of it \(recall_at_10: 0\."):
        published(music, empty)
    assert served(music.sessions) == first
    assert alias_of(empty) == name_of(first)
    assert names(empty) == [name_of(first)]


def test_a_milvus_that_is_away_publishes_nothing(music: Collection, sessions: Sessions) -> None:
    with pytest.raises(MilvusError, match=r"Milvus at http://127\.0\.0\.1:1 failed"):
        published(music, Milvus("http://127.0.0.1:1"))
    assert served(sessions) is None


def test_collections_go_with_their_versions_and_others_stay(
    music: Collection, empty: Milvus, tmp_path: Path
) -> None:
    first = published(music, empty)
    music.add(*numbered(5))
    second = published(music, empty)
    MilvusCollection(empty, name_of("another")).create(4, 8)
    listed = find_garbage(music.sessions, music.store, SPACE.key, NEVER, empty)
    collections = [item.path.name for item in listed if item.reason == IN_MILVUS]
    assert collections == [name_of(first)]
    assert name_of(first) in names(empty)
    collect(music.sessions, music.store, SPACE.key, NEVER, empty)
    assert set(names(empty)) == {name_of(second), name_of("another")}
    away = Milvus("http://127.0.0.1:1")
    assert collect(music.sessions, music.store, SPACE.key, NEVER, away) == []
