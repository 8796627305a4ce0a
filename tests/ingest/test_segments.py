"""Versions share segments: each album costs one, merges change no answer, nothing needed goes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np
import psycopg
import pytest
from sqlalchemy import update

from serving.index.live_index import LiveIndex
from soundalike.catalog import publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.index_contents import IndexContents
from soundalike.catalog.tables import IndexVersionRow
from soundalike.ingest import index_checks
from soundalike.ingest import segments as segments_module
from soundalike.ingest.build_index import build_index
from soundalike.ingest.merge import due_merge, merge_segments
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.ingest.segments import coding_of
from soundalike.maintenance.garbage import collect
from soundalike.maintenance.local_garbage import DAY, Retention
from soundalike.settings import KindChoice
from soundalike.storage.atomic import remove_folder, sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.quantizer import quantizer_in
from soundalike.vectors.index_files import cover_of, read_manifest, write_manifest
from soundalike.vectors.kinds import IndexKind, kind_for
from soundalike.vectors.queries import VectorQuery
from soundalike.vectors.segment_files import read_segment, segment_names
from tests.damage import flip_a_bit, writable
from tests.indexes import as_older_release
from tests.serving.collection import SPACE, Collection, numbered

KEEP = Retention(indexes=1, days=30)


@pytest.fixture(params=["flat", "flat+pq"])
def collection(
    sessions: Sessions,
    store: ArtifactStore,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Collection:
    """Codes are trained on the first batch, so that later ones change no segment."""
    monkeypatch.setattr(segments_module, "TRAINED_ON", (20,))
    made = Collection(sessions, store)
    made.kind = request.param
    return made


def answers(index: OpenIndex, collection: Collection) -> dict[str, tuple[list[str], bytes]]:
    """Ids and scores, to the bit, for each track that was ever there."""
    queries = [VectorQuery(vector[None], 7) for vector in collection.vectors.values()]
    return {
        track: ([index.track_ids[row] for row in hits.rows.tolist()], hits.scores.tobytes())
        for track, hits in zip(collection.vectors, index.search(queries), strict=True)
    }


def opened(collection: Collection, version: str) -> OpenIndex:
    return OpenIndex.open(collection.store.index(version))


def named(collection: Collection, version: str) -> list[str]:
    return read_manifest(collection.store.index(version)).segments


def rebuilt(collection: Collection, version: str) -> OpenIndex:
    """The same version as one segment: everything was lost but the vectors of the batches."""
    remove_folder(collection.store.indexes)
    remove_folder(collection.store.segments)
    assert collection.build() == version
    index = opened(collection, version)
    assert len(index.segments) == 1
    return index


def merge(collection: Collection) -> str | None:
    report = merge_segments(collection.sessions, collection.store, SPACE)
    return report.segment.name if report.segment else None


def age_segments(store: ArtifactStore) -> None:
    then = time.time() - 2 * DAY
    for name in segment_names(store.segments):
        os.utime(store.segments / name, (then, then))


def test_an_album_writes_one_segment_and_the_same_library_answers_the_same(
    collection: Collection,
) -> None:
    first = collection.add(*numbered(40))
    before = named(collection, collection.publish())
    for number in range(3):
        collection.add(*numbered(3 + number))
        version = collection.publish()
        assert named(collection, version)[: len(before)] == before or set(before) < set(
            named(collection, version)
        )
        before = named(collection, version)
    assert len(before) == 4
    collection.remove(first[7])
    version = collection.publish()
    assert set(named(collection, version)) == set(before), "a removed track is no segment"
    many = opened(collection, version)
    assert first[7] not in many
    assert len(many) == 51
    kept = answers(many, collection)
    assert answers(rebuilt(collection, version), collection) == kept


def test_a_large_library_is_written_as_segments_of_bounded_size(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole batches together; codes beyond the memory for them are read for each search."""
    for tracks in (20, 30, 9, 60, 7):
        collection.add(*numbered(tracks))
    version = collection.publish()
    kept = answers(rebuilt(collection, version), collection)
    remove_folder(collection.store.indexes)
    remove_folder(collection.store.segments)
    monkeypatch.setattr(segments_module, "MAX_ROWS", 50)
    monkeypatch.setattr(index_checks, "CODES_MEMORY", 0)
    assert collection.build() == version
    many = opened(collection, version)
    assert [len(segment.ids) for segment in many.segments] == [60, 50, 9, 7]
    assert not many.manifest.failed_checks
    assert answers(many, collection) == kept


def test_a_track_that_comes_back_is_there_again(collection: Collection) -> None:
    first = collection.add(*numbered(40))
    whole = collection.publish()
    lost = first[::3]
    for track in lost:
        collection.remove(track)
    collection.publish()
    merged = merge(collection)
    assert merged, "more than a quarter of the segment is gone"
    assert read_segment(collection.store.segments / merged).tracks == 26
    index = opened(collection, whole)
    assert set(first) == set(index.track_ids), "an older version is as it was"


@contextmanager
def listening(collection: Collection) -> Iterator[Callable[[], list[str]]]:
    """Yield what returns the versions that subscribers were told of since the last time."""
    url = collection.sessions.kw["bind"].url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"listen {publications.PUBLISHED_CHANNEL}")

        def told() -> list[str]:
            connection.execute("select")  # which is answered after all news of before
            return [news.payload for news in connection.notifies(timeout=0)]

        yield told


def test_merges_change_no_answer_and_survive_a_rollback(collection: Collection) -> None:
    versions = []
    for _ in range(5):
        tracks = collection.add(*numbered(30))
        versions.append(collection.publish())
    collection.remove(tracks[3])
    versions.append(collection.publish())
    before = {version: answers(opened(collection, version), collection) for version in versions}
    assert len(due_merge(collection.sessions, collection.store, SPACE.key)) == 5

    with listening(collection) as notified:
        merged = merge(collection)
        assert merged
        assert notified() == [versions[-1]], "so that workers take the merged segment"
        assert due_merge(collection.sessions, collection.store, SPACE.key) == []
        assert merge(collection) is None
        assert notified() == []
    served = opened(collection, versions[-1])
    assert served.segment_names == {merged}
    assert {v: answers(opened(collection, v), collection) for v in versions} == before

    publish(collection.sessions, collection.store, SPACE, versions[1])
    assert answers(opened(collection, versions[1]), collection) == before[versions[1]]
    publish(collection.sessions, collection.store, SPACE, None)
    collection.add(*numbered(2))
    version = collection.publish()
    assert merged in named(collection, version), "the next version takes the merged one"
    assert len(named(collection, version)) == 2


def test_a_merged_segment_that_is_damaged_is_not_used(collection: Collection) -> None:
    for _ in range(4):
        collection.add(*numbered(20))
        version = collection.publish()
    kept = answers(opened(collection, version), collection)
    merged = merge(collection)
    assert merged
    flip_a_bit(collection.store.segments / merged / INDEX)
    index = opened(collection, version)
    assert merged not in index.segment_names
    assert answers(index, collection) == kept


@pytest.mark.slow
def test_what_a_kept_version_needs_is_no_garbage(collection: Collection) -> None:
    store = collection.store
    for _ in range(4):
        collection.add(*numbered(20))
        version = collection.publish()
    merged = merge(collection)
    age_segments(store)
    collect(collection.sessions, store, SPACE.key, KEEP)
    assert set(segment_names(store.segments)) == {*named(collection, version), merged}

    for _ in range(2):  # the versions that named the sources are too old for a rollback then
        collection.add(*numbered(20))
        version = collection.publish()
    age_segments(store)
    collect(collection.sessions, store, SPACE.key, KEEP)
    left = set(segment_names(store.segments))
    assert left == set(named(collection, version))
    assert merged in left
    assert len(opened(collection, version)) == 120


async def test_a_worker_takes_a_merged_segment_and_opens_only_what_is_new(
    collection: Collection,
) -> None:
    live = LiveIndex(collection.store)

    def published() -> publications.PublishedIndex | None:
        with collection.sessions() as session:
            return publications.published(session)

    collection.add(*numbered(40))
    collection.publish()
    await live.follow(published())
    assert live.served
    [first] = live.served.index.segments
    for _ in range(3):
        collection.add(*numbered(20))
        version = collection.publish()
        await live.follow(published())
    assert first in live.served.index.segments, "it is not opened again"
    kept = answers(live.served.index, collection)
    merged = merge(collection)
    before = live.served.index
    await live.follow(published())
    assert live.served.index is not before
    assert live.served.manifest.version == version
    assert live.served.index.segment_names == {merged}
    assert answers(live.served.index, collection) == kept
    assert live.problem is None
    flip_a_bit(collection.store.segments / str(merged) / INDEX)
    await live.follow(published())
    assert live.served.index.segment_names == {merged}, "what is served is a private copy"


def test_segments_of_a_former_kind_are_not_merged(sessions: Sessions, store: ArtifactStore) -> None:
    """Their codes cannot be computed any more; the next build writes all rows anew."""
    collection = Collection(sessions, store)
    for _ in range(4):
        collection.add(*numbered(20))
        version = collection.publish()
    folder = store.index(version)
    with writable(folder):
        former = read_manifest(folder).model_copy(update={"kind": "flat+rabitq"})
        write_manifest(folder, former)
    sha256 = sha256_of(folder / MANIFEST)
    with sessions.begin() as session:
        one = IndexVersionRow.version == version
        session.execute(update(IndexVersionRow).where(one).values(manifest_sha256=sha256))
    assert merge(collection) is None


def test_codes_are_trained_again_when_the_library_has_grown_and_not_of_a_very_large_one() -> None:
    def coding(*rows: int) -> str:
        keys = [f"b{number:06d}" for number in range(len(rows))]
        contents = IndexContents(
            "space", {k: k for k in keys}, dict(zip(keys, rows, strict=True)), {}
        )
        return coding_of(kind_for(contents.tracks, "flat+pq"), contents)

    small = coding(20_000, 30_000)
    assert small == coding(20_000, 30_000, 49_999)
    doubled = coding(20_000, 30_000, 50_000)
    assert doubled != small
    assert doubled == coding(20_000, 30_000, 50_000, 99_999)
    large = coding(20_000, 30_000, 50_000, 100_000)
    assert len({small, doubled, large}) == 3
    assert large == coding(20_000, 30_000, 50_000, 100_000, 5_000_000)
    assert coding_of(IndexKind("flat"), IndexContents("space", {}, {}, {})) == ""


def test_the_codes_of_a_library_do_not_depend_on_how_it_grew(
    sessions: Sessions, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on its first batches, also where later ones are there from the beginning."""
    monkeypatch.setattr(segments_module, "TRAINED_ON", (60,))
    collection = Collection(sessions, store)
    collection.kind = "flat+pq"
    grown = []
    for _ in range(4):
        collection.add(*numbered(40))
        version = collection.publish()
        grown.append(quantizers(collection, version))
    assert [len(each) for each in grown] == [1, 1, 1, 1]
    assert grown[0] != grown[1] == grown[2] == grown[3]
    rebuilt(collection, version)
    assert quantizers(collection, version) == grown[3]


def quantizers(collection: Collection, version: str) -> set[bytes]:
    """What the codes of a version's segments are computed with."""
    found = set()
    for name in named(collection, version):
        quantizer = quantizer_in(collection.store.segments / name)
        centroids = faiss.downcast_index(quantizer.index).pq.centroids
        components = faiss.downcast_VectorTransform(quantizer.chain.at(0)).A
        found.add(
            faiss.vector_to_array(centroids).tobytes() + faiss.vector_to_array(components).tobytes()
        )
    return found


@pytest.mark.slow
def test_a_version_of_before_segments_is_served_and_carried_over(
    sessions: Sessions, store: ArtifactStore
) -> None:
    for kind in ("flat", "flat+pq"):
        carried_over(Collection(sessions, store), kind)


def carried_over(collection: Collection, kind: KindChoice) -> None:
    store, collection.kind = collection.store, kind
    collection.add(*numbered(40))
    version = collection.publish()
    sha256 = as_older_release(store.index(version))
    remove_folder(store.segments)
    with collection.sessions.begin() as session:
        one = IndexVersionRow.version == version
        session.execute(update(IndexVersionRow).where(one).values(manifest_sha256=sha256))
    old = opened(collection, version)
    assert old.segment_names == frozenset()
    queries = [VectorQuery(vector[None], 7) for vector in old.exact.vectors()]
    kept = old.search(queries)
    assert next_index(collection.sessions, store, SPACE, kind).version is None

    embedded = sorted(store.embeddings.rglob("*.npy"))
    states = [path.stat().st_mtime_ns for path in embedded]
    added = collection.add(*numbered(2))
    assert publish(collection.sessions, store, SPACE, version).version == version
    built = build_index(collection.sessions, store, SPACE, kind).manifest
    assert built.segments
    new = OpenIndex.open(store.index(built.version))
    assert set(new.track_ids) == {*old.track_ids, *added}
    assert [path.stat().st_mtime_ns for path in embedded] == states
    allowed = new.rows_of(old.track_ids)
    for query, hits in zip(queries, kept, strict=True):
        [again] = new.search([VectorQuery(query.positive, 7, allowed_rows=allowed)])
        np.testing.assert_array_equal(again.scores, hits.scores)
    assert cover_of(store.index(built.version), built).missing == {}
    assert Path(store.index(version)).is_dir()
