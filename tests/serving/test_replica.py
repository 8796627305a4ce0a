"""A machine without artifacts serves what the bucket has, whole or not at all."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.index import replica as module
from serving.index.live_index import LiveIndex
from serving.index.replica import Replica
from soundalike.catalog import publications
from soundalike.catalog.publications import PublishedIndex
from soundalike.maps.draw import draw_map
from soundalike.settings import Settings
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.queries import VectorQuery
from tests.conftest import Sessions
from tests.damage import cut_in_bucket, flip_a_bit, flip_in_bucket, segment_of
from tests.patience import PATIENCE

from .collection import Collection, numbered
from .service import eventually, eventually_serves, running


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore, bucket: Bucket) -> Collection:
    """A builder that has a bucket."""
    return Collection(sessions, ArtifactStore(store.root, bucket))


@pytest.fixture
def empty(tmp_path: Path, bucket: Bucket) -> ArtifactStore:
    """The data root of another machine."""
    return ArtifactStore(tmp_path / "replica", bucket)


@pytest.fixture
def live(empty: ArtifactStore, bucket: Bucket) -> LiveIndex:
    return LiveIndex(empty, replica=Replica(empty, bucket, 1e9))


def published(collection: Collection) -> PublishedIndex | None:
    with collection.sessions() as session:
        return publications.published(session)


async def follow_until(live: LiveIndex, collection: Collection, done: Callable[[], object]) -> None:
    """Follow the catalog, as the follower does every few seconds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await live.follow(published(collection))
            if done():
                return
            await asyncio.sleep(0.01)


async def serve(live: LiveIndex, collection: Collection) -> None:
    await follow_until(live, collection, lambda: live.problem is None)


def segment_key(collection: Collection, version: str) -> str:
    """The key of the vectors of the segment that was written last for a version."""
    folder = segment_of(collection.store.index(version))
    return collection.store.key(folder / INDEX)


async def test_a_machine_without_data_gives_the_same_answers_to_the_bit(
    live: LiveIndex, collection: Collection
) -> None:
    ids = collection.add(*numbered(300))
    collection.publish()
    collection.add(*numbered(40))
    collection.remove(ids[7])
    version = collection.publish()
    local = LiveIndex(collection.store)
    await local.follow(published(collection))
    await live.follow(published(collection))
    assert live.served is None
    assert f"index {version} is published, and not here yet: it is being fetched" in str(
        live.problem
    )
    await serve(live, collection)
    assert local.served
    assert live.served
    assert live.served.manifest == local.served.manifest
    queries = [VectorQuery(collection.vectors[track][None], 20) for track in ids]
    ours = live.served.index.search(queries)
    theirs = local.served.index.search(queries)
    for one, other in zip(ours, theirs, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores.tobytes() == other.scores.tobytes()
    assert list(live.served.index.track_ids) == list(local.served.index.track_ids)


async def test_only_new_segments_are_fetched_for_the_next_version(
    live: LiveIndex, collection: Collection, empty: ArtifactStore
) -> None:
    collection.add(*numbered(100))
    collection.publish()
    await serve(live, collection)
    first = {path: path.stat().st_ino for path in empty.cache.segments.iterdir()}
    collection.add(*numbered(5))
    version = collection.publish()
    await serve(live, collection)
    assert live.served
    assert live.served.manifest.version == version
    now = {path: path.stat().st_ino for path in empty.cache.segments.iterdir()}
    assert len(now) == 2
    assert first.items() <= now.items()


def _lose(bucket: Bucket, key: str) -> None:
    bucket.remove([key])


def _lose_manifest(bucket: Bucket, key: str) -> None:
    bucket.remove([key.replace(INDEX, MANIFEST)])


def _flip_manifest(bucket: Bucket, key: str) -> None:
    flip_in_bucket(bucket, key.replace(INDEX, MANIFEST))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_in_bucket, f"{INDEX} in the bucket is damaged"),
        (cut_in_bucket, f"{INDEX} in the bucket has"),
        (_lose, f"{INDEX} is not in the bucket"),
        (_lose_manifest, "is not in the bucket"),
        (_flip_manifest, MANIFEST),
    ],
)
async def test_a_damaged_copy_is_refused_and_the_version_before_stays(
    live: LiveIndex,
    collection: Collection,
    bucket: Bucket,
    empty: ArtifactStore,
    damage: Callable[[Bucket, str], None],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection.add(*numbered(20))
    first = collection.publish()
    await serve(live, collection)
    collection.add(*numbered(20))
    second = collection.publish()
    key = segment_key(collection, second)
    whole = {found.key: bucket.read(found.key) for found in bucket.listed("segments/")}
    damage(bucket, key)
    await follow_until(live, collection, lambda: "not here:" in str(live.problem))
    assert live.served
    assert live.served.manifest.version == first
    assert told in str(live.problem)
    assert bucket.url not in str(live.problem)
    assert not empty.cache.index(second).exists()
    assert [path.name for path in empty.cache.segments.iterdir()] == list(
        live.served.index.segment_names
    )
    reads = _count_reads(bucket, monkeypatch)
    await live.follow(published(collection))
    assert reads == [], "it is not downloaded again at once"
    for name, content in whole.items():
        bucket.put_bytes(name, content)
    monkeypatch.setattr(module, "DAMAGED_SECONDS", 0.0)
    assert live._replica
    live._replica._failed = None  # as after ten minutes
    await serve(live, collection)
    assert live.served.manifest.version == second


def _count_reads(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    for name in ("read", "size", "blocks"):
        asked = getattr(bucket, name)

        def counted(key: str, asked: Callable[[str], object] = asked) -> object:
            reads.append(key)
            return asked(key)

        monkeypatch.setattr(bucket, name, counted)
    return reads


async def test_a_bucket_that_is_away_changes_nothing_and_is_told(
    live: LiveIndex, collection: Collection, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = collection.add(*numbered(20))
    first = collection.publish()
    await serve(live, collection)
    collection.add(*numbered(20))
    collection.publish()

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    del bucket._store  # it knows the endpoint that answers
    await follow_until(live, collection, lambda: "does not answer" in str(live.problem))
    assert bucket.url not in str(live.problem)
    assert live.served
    assert live.served.manifest.version == first
    assert live.served.index.search([VectorQuery(collection.vectors[ids[0]][None], 3)])
    await live.follow(published(collection))
    assert live.served.manifest.version == first


async def test_a_copy_that_the_disk_damaged_is_fetched_again(
    collection: Collection,
    bucket: Bucket,
    empty: ArtifactStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection.add(*numbered(20))
    version = collection.publish()
    before = LiveIndex(empty, replica=Replica(empty, bucket, 1e9))
    await serve(before, collection)
    before.close()
    [segment] = empty.cache.segments.iterdir()
    flip_a_bit(segment / INDEX)
    monkeypatch.setattr(module, "DAMAGED_SECONDS", 0.0)
    after = LiveIndex(empty, replica=Replica(empty, bucket, 1e9))
    await after.follow(published(collection))
    assert after.served is None
    assert "cannot be opened" in str(after.problem)
    await serve(after, collection)
    assert after.served
    assert after.served.manifest.version == version


async def test_two_workers_of_a_machine_download_once(
    collection: Collection, bucket: Bucket, empty: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(20))
    collection.publish()
    reads = _count_reads(bucket, monkeypatch)
    workers = [LiveIndex(empty, replica=Replica(empty, bucket, 1e9)) for _ in range(2)]
    await asyncio.gather(*(serve(worker, collection) for worker in workers))
    manifests = [key for key in reads if key.startswith("indexes/")]
    assert len(manifests) == 1


async def test_a_service_that_ends_does_not_wait_for_its_download(
    live: LiveIndex, collection: Collection, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(20))
    collection.publish()
    started, goes_on = threading.Event(), threading.Event()
    blocks = bucket.blocks

    def slow(key: str) -> object:
        started.set()
        goes_on.wait(PATIENCE)
        return blocks(key)

    monkeypatch.setattr(bucket, "blocks", slow)
    await live.follow(published(collection))
    assert await asyncio.to_thread(started.wait, PATIENCE)
    live.close()
    goes_on.set()
    assert live._replica
    thread = live._replica._thread
    assert thread
    await asyncio.to_thread(thread.join, PATIENCE)
    assert not thread.is_alive()
    assert not any(path.name[0] != "." for path in live._replica._copies.segments.iterdir())


@pytest.mark.slow
async def test_a_service_without_data_answers_as_one_with_it_and_shows_the_map(
    collection: Collection,
    database_url: str,
    bucket: Bucket,
    empty: ArtifactStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAP_SECONDS", 0.0)
    ids = collection.add(*numbered(40))
    version = collection.publish()
    draw_map(collection.sessions, collection.store)
    here = Settings(DATABASE_URL=database_url, data=collection.store.root, artifacts=bucket.url)
    there = Settings(DATABASE_URL=database_url, data=empty.root, artifacts=bucket.url)
    async with running(here) as builder, running(there) as replica:
        await eventually_serves(builder, version)
        await eventually_serves(replica, version)
        assert (await replica.get("/health/ready")).json()["problem"] is None
        for track in ids[:10]:
            path = f"/v1/tracks/{track}/similar"
            assert (await builder.get(path)).json() == (await replica.get(path)).json()

        async def map_is_here() -> bool:
            return (await replica.get("/v1/map")).status_code == 200

        await eventually(map_is_here)
        about = (await replica.get("/v1/map")).json()
        path = f"/v1/map/{about['layout']}/{version}/points"
        points = [await api.get(path) for api in (builder, replica)]
        assert points[0].status_code == points[1].status_code == 200
        assert points[0].content == points[1].content
    assert not empty.indexes.exists(), "what is fetched is in the cache alone"
