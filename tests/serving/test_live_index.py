"""The live index alone: what it refuses, and that refusing costs nothing."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from sqlalchemy import update

from serving.index import live_index
from serving.index.disk_check import DiskCheck
from serving.index.live_index import LiveIndex
from soundalike.catalog import publications
from soundalike.catalog.publications import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow
from soundalike.storage.atomic import remove_folder
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.segment import Segment
from soundalike.vectors.neighbours import NeighbourQuery
from soundalike.vectors.segment_files import IDS
from tests.damage import delete, halve_vectors, overwrite, segment_of

from .collection import Collection, numbered


@pytest.fixture
def live(collection: Collection) -> LiveIndex:
    return LiveIndex(collection.store)


def published(collection: Collection) -> PublishedIndex | None:
    with collection.sessions() as session:
        return publications.published(session)


async def test_nothing_published_says_what_to_do(live: LiveIndex) -> None:
    await live.follow(None)
    assert live.served is None
    assert "soundalike ingest FOLDER" in str(live.problem)


async def test_published_version_is_served(live: LiveIndex, collection: Collection) -> None:
    collection.add(*numbered(3))
    version = collection.publish()
    await live.follow(published(collection))
    assert live.served
    assert live.served.manifest.version == version
    assert live.problem is None


def _flip_a_bit(collection: Collection, version: str) -> None:
    collection.damage(version)


def _lose_tracks(collection: Collection, version: str) -> None:
    delete(segment_of(collection.store.index(version)) / IDS)


def _lose_all(collection: Collection, version: str) -> None:
    remove_folder(collection.store.index(version))


def _garble_manifest(collection: Collection, version: str) -> None:
    overwrite(collection.store.index(version) / MANIFEST, b"{}")


def _put_another_in_its_place(collection: Collection, version: str) -> None:
    folder = collection.store.index(version)
    remove_folder(folder)
    other = next(path for path in folder.parent.iterdir() if path.name != version)
    shutil.copytree(other, folder)


def _put_another_in_its_place_unsigned(collection: Collection, version: str) -> None:
    """Catalogs of older releases did not record the manifest's hash."""
    _put_another_in_its_place(collection, version)
    _record(collection, version, None)


def _halve_its_vectors(collection: Collection, version: str) -> None:
    """Whole and signed, by a program with a bug: no track finds itself."""
    _record(collection, version, halve_vectors(collection.store.index(version)))


def _record(collection: Collection, version: str, manifest_sha256: str | None) -> None:
    chosen = update(IndexVersionRow).where(IndexVersionRow.version == version)
    with collection.sessions.begin() as session:
        session.execute(chosen.values(manifest_sha256=manifest_sha256))


@pytest.mark.parametrize(
    "harm",
    [
        _flip_a_bit,
        _lose_tracks,
        _lose_all,
        _garble_manifest,
        _put_another_in_its_place,
        _put_another_in_its_place_unsigned,
        _halve_its_vectors,
    ],
)
async def test_damaged_version_is_refused_and_the_old_one_goes_on(
    harm: Callable[[Collection, str], None], live: LiveIndex, collection: Collection
) -> None:
    collection.add(*numbered(3))
    old = collection.publish()
    await live.follow(published(collection))

    collection.add(*numbered(2))
    new = collection.publish()
    harm(collection, new)
    await live.follow(published(collection))

    assert live.served
    assert live.served.manifest.version == old
    assert new in str(live.problem)
    assert live.load_failures == 1


async def test_refused_version_is_tried_again(live: LiveIndex, collection: Collection) -> None:
    collection.add(*numbered(3))
    version = collection.publish()
    whole = collection.damage(version)
    await live.follow(published(collection))
    assert live.served is None
    assert "cannot be opened" in str(live.problem)

    collection.repair(version, whole)
    await live.follow(published(collection))
    assert live.served
    assert live.problem is None


async def test_a_damaged_version_is_not_read_again_until_its_files_change(
    live: LiveIndex, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have gigabytes, and the catalog is polled every few seconds."""
    collection.add(*numbered(3))
    version = collection.publish()
    collection.damage(version)
    read: list[str] = []
    opened = live_index.open_verified

    def noted(
        folder: Path, row: IndexVersionRow, others: Iterable[Segment]
    ) -> tuple[OpenIndex, DiskCheck]:
        read.append(folder.name)
        return opened(folder, row, others)

    monkeypatch.setattr(live_index, "open_verified", noted)
    for _ in range(3):
        await live.follow(published(collection))
    assert read == [version]
    assert live.load_failures == 3


async def test_a_refusal_tells_clients_no_path(live: LiveIndex, collection: Collection) -> None:
    collection.add(*numbered(3))
    version = collection.publish()
    index = segment_of(collection.store.index(version)) / INDEX
    overwrite(index, b"")
    await live.follow(published(collection))
    assert version in str(live.problem)
    assert str(collection.store.root) not in str(live.problem)
    assert INDEX not in str(live.problem)


async def test_same_version_again_is_not_loaded_again(
    live: LiveIndex, collection: Collection
) -> None:
    collection.add(*numbered(3))
    version = collection.publish()
    await live.follow(published(collection))
    assert live.served
    index, published_at = live.served.index, live.served.published_at

    collection.publish_unchecked(version)
    await live.follow(published(collection))
    assert live.served.index is index
    assert live.served.published_at > published_at


async def test_swap_leaves_a_request_its_version(live: LiveIndex, collection: Collection) -> None:
    [first, *_] = collection.add(*numbered(3))
    collection.publish()
    await live.follow(published(collection))
    taken = live.served
    assert taken

    collection.add(*numbered(3))
    collection.publish()
    await live.follow(published(collection))
    [hits] = await taken.search([NeighbourQuery(taken.index.vectors_of([first]), 10)])
    assert len(hits.track_ids) == 3
