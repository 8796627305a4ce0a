"""Milvus' answers must be our own: ids, order, bits of scores, ties, filters; or say otherwise."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import SecretStr

from soundalike.errors import MilvusError, SpaceMismatch, UnsupportedSearch
from soundalike.settings import Settings
from soundalike.vectors.index import milvus_search
from soundalike.vectors.index.milvus_index import MilvusIndex, is_exact
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.milvus.collection import MilvusCollection, name_of, names
from soundalike.vectors.milvus.server import Milvus
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, SearchIndex, TrackSet
from tests.indexes import unit_vectors, write_index

ROWS, DIMENSION = 1500, 24


def matrix() -> NDArray[np.float32]:
    """With copies and near-copies, so that there are ties."""
    made = unit_vectors(ROWS, DIMENSION)
    made[300:320] = made[300]
    made[700:900] = made[:200]
    return made


def written(milvus: Milvus, index: OpenIndex) -> MilvusIndex:
    """The same tracks in a collection of Milvus."""
    collection = MilvusCollection(milvus, name_of(index.manifest.version))
    collection.create(index.exact.dimension, 8)
    collection.insert(list(index.track_ids), index.exact.vectors())
    collection.index(exact=is_exact(index.manifest))
    collection.load()
    return MilvusIndex.open(milvus, index.manifest)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return OpenIndex.open(write_index(tmp_path_factory.mktemp("local") / "v1", matrix()))


@pytest.fixture(scope="module")
def remote(milvus: Milvus, local: OpenIndex) -> MilvusIndex:
    return written(milvus, local)


def queries(local: SearchIndex) -> dict[str, NeighbourQuery]:
    """Queries of every form; the names say what is hard about them."""
    vectors = local.vectors_of(list(local.track_ids))
    some = TrackSet(local.track_ids, np.arange(1, ROWS, 3))
    most = TrackSet(local.track_ids, np.delete(np.arange(ROWS), [5, 7]))
    few = TrackSet(local.track_ids, np.array([2, 300, 305, 310, 700, 1400]))
    none = TrackSet(local.track_ids, np.empty(0, np.int64))
    return {
        "one": NeighbourQuery(vectors[10:11], 7, excluded=("t0010",)),
        "tie cut": NeighbourQuery(vectors[300:301], 10),
        "tie cut, some excluded": NeighbourQuery(vectors[300:301], 10, excluded=("t0300", "t0303")),
        "several positives": NeighbourQuery(vectors[[1, 400, 900]], 25),
        "negatives": NeighbourQuery(vectors[[1, 2]], 30, vectors[[701, 9]]),
        "a negative like the positive": NeighbourQuery(vectors[[1]], 200, vectors[[701, 9]]),
        "negatives alone": NeighbourQuery(vectors[:0], 12, vectors[[3]]),
        "a filter": NeighbourQuery(vectors[20:21], 15, allowed=some, excluded=("t0001", "gone")),
        "a wide filter": NeighbourQuery(vectors[20:21], 15, allowed=most),
        "a narrow filter": NeighbourQuery(vectors[20:21], 15, allowed=few, excluded=("t0002",)),
        "an empty filter": NeighbourQuery(vectors[20:21], 15, allowed=none),
        "everything": NeighbourQuery(vectors[0:1], ROWS),
        "more than there are": NeighbourQuery(vectors[0:1], ROWS + 5, excluded=("t0003",)),
    }


def assert_equal(ours: Neighbours, theirs: Neighbours) -> None:
    assert theirs.track_ids == ours.track_ids
    assert theirs.scores.tobytes() == ours.scores.tobytes()
    assert (theirs.complete, theirs.certain) == (ours.complete, ours.certain)
    probe = unit_vectors(1, DIMENSION, seed=5)[0]
    assert theirs.vectors.scores(probe).tobytes() == ours.vectors.scores(probe).tobytes()


def test_answers_are_those_of_the_local_index(local: OpenIndex, remote: MilvusIndex) -> None:
    asked = queries(local)
    pairs = zip(
        local.neighbours([*asked.values()]), remote.neighbours([*asked.values()]), strict=True
    )
    for ours, theirs in pairs:
        assert_equal(ours, theirs)
    assert len(asked) == 13
    assert remote.neighbours([asked["tie cut"]])[0].track_ids == [
        f"t{n:04d}" for n in range(300, 310)
    ]


def test_ids_and_vectors_are_those_of_the_local_index(
    local: OpenIndex, remote: MilvusIndex
) -> None:
    assert list(remote.track_ids) == list(local.track_ids)
    wanted = ["t0700", "t0001", "t0700"]
    assert remote.vectors_of(wanted).tobytes() == local.vectors_of(wanted).tobytes()
    assert remote.vectors_of([]).shape == (0, DIMENSION)
    assert "t0005" in remote
    assert "t5" not in remote
    with pytest.raises(KeyError):
        remote.vectors_of(["t5"])
    cosines = np.float32([-0.5, 0.0, 0.21, 0.9])
    assert remote.distribution.percentiles(cosines) == local.distribution.percentiles(cosines)


@pytest.mark.parametrize("dropped_most", [0, 2000], ids=["named", "dropped"])
def test_more_is_fetched_until_a_tie_is_whole(
    monkeypatch: pytest.MonkeyPatch, local: OpenIndex, remote: MilvusIndex, dropped_most: int
) -> None:
    monkeypatch.setattr(milvus_search.knn, "EXTRA_EXACT", 1)
    monkeypatch.setattr(milvus_search, "READ_FIRST", 0)
    monkeypatch.setattr(milvus_search, "DROPPED_MOST", dropped_most)
    for query in queries(local).values():
        assert_equal(local.neighbours([query])[0], remote.neighbours([query])[0])


def test_what_cannot_be_proven_is_not_called_certain(
    monkeypatch: pytest.MonkeyPatch, local: OpenIndex, remote: MilvusIndex
) -> None:
    for name, value in {"MAX_FOUND": 12, "READ_MOST": 100}.items():
        monkeypatch.setattr(milvus_search, name, value)
    asked = queries(local)
    [tied] = remote.neighbours([asked["tie cut"]])
    assert not tied.certain
    assert len(tied.track_ids) == 10
    [clear] = remote.neighbours([NeighbourQuery(asked["one"].positive, 2)])
    assert clear.certain
    with pytest.raises(UnsupportedSearch, match="positive example"):
        remote.neighbours([asked["negatives alone"]])


def test_a_graph_finds_the_same_and_is_not_called_certain(tmp_path: Path, milvus: Milvus) -> None:
    local = OpenIndex.open(write_index(tmp_path / "v2", matrix(), choice="flat+pq"))
    remote = written(milvus, local)
    asked = queries(local)
    for name, query in asked.items():
        [ours], [theirs] = local.neighbours([query]), remote.neighbours([query])
        assert theirs.track_ids == ours.track_ids, name
        assert theirs.scores.tobytes() == ours.scores.tobytes(), name
    assert not remote.neighbours([asked["one"]])[0].certain
    assert remote.neighbours([asked["a narrow filter"]])[0].certain


def test_another_dimension_is_refused(remote: MilvusIndex) -> None:
    with pytest.raises(SpaceMismatch, match="24 dimensions"):
        remote.neighbours([NeighbourQuery(unit_vectors(1, 9), 3)])


def test_a_version_that_is_not_there_is_named(milvus: Milvus, local: OpenIndex) -> None:
    manifest = local.manifest.model_copy(update={"version": "0ther"})
    with pytest.raises(MilvusError, match=r"no collection of index 0ther\nPublish it once more"):
        MilvusIndex.open(milvus, manifest)


@pytest.mark.usefixtures("remote")
def test_a_collection_of_other_tracks_is_refused(milvus: Milvus, local: OpenIndex) -> None:
    manifest = local.manifest.model_copy(update={"tracks": ROWS + 1})
    with pytest.raises(MilvusError, match=f"{ROWS} tracks of index v1, but it has {ROWS + 1}"):
        MilvusIndex.open(milvus, manifest)


def test_a_server_that_is_away_is_named_without_its_password(local: OpenIndex) -> None:
    away = Milvus("http://me:s3cret@127.0.0.1:1/music")
    with pytest.raises(MilvusError, match=r"Milvus at http://127\.0\.0\.1:1 failed") as caught:
        MilvusIndex.open(away, local.manifest)
    assert "s3cret" not in str(caught.value)
    assert "SOUNDALIKE_MILVUS_URL" in str(caught.value)


def test_a_connection_that_was_opened_for_a_while_is_closed(milvus: Milvus) -> None:
    settings = Settings(search="milvus", milvus_url=SecretStr(milvus._url))
    with Milvus.opened(settings) as opened:
        assert opened
        names(opened)
        assert opened._client
    assert opened._client is None
    with Milvus.opened(Settings(search="local")) as none:
        assert none is None
