"""No response may come from a file of an index that was changed, before it is loaded or later."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from anyio import to_thread
from sqlalchemy import update

from serving.index.disk_check import DiskCheck, Stopped
from serving.index.live_index import FILES_CHANGED, LiveIndex
from soundalike.catalog.tables import IndexVersionRow
from soundalike.storage.atomic import remove_folder
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.neighbours import NeighbourQuery
from soundalike.vectors.segment_files import IDS, ORIGINS
from tests import damage
from tests.damage import overwrite, segment_of, writable
from tests.indexes import as_older_release

from .collection import Collection, numbered
from .test_live_index import published

SEGMENT_FILES = (INDEX, CODES, IDS, ORIGINS, MANIFEST)
FILES = (*SEGMENT_FILES, f"version's {MANIFEST}")
Damage = Callable[[Path], None]


def take_from_another(path: Path) -> None:
    """The file of the same name of another index."""
    others = [folder for folder in path.parent.parent.iterdir() if folder != path.parent]
    overwrite(path, (others[0] / path.name).read_bytes())


DAMAGES = [
    damage.flip_a_bit,
    damage.randomise,
    damage.truncate,
    damage.append,
    damage.delete,
    damage.replace_by_folder,
    damage.replace_by_loop,
    damage.replace_by_pipe,
    take_from_another,
]


@pytest.fixture
def live(collection: Collection) -> LiveIndex:
    collection.kind = "flat+pq"  # the kind with the most files
    collection.add(*numbered(40))
    collection.build()
    collection.add(*numbered(20))
    collection.publish()
    return LiveIndex(collection.store)


def served_folder(collection: Collection) -> Path:
    now = published(collection)
    assert now
    return collection.store.index(now.index.version)


def served_file(collection: Collection, name: str) -> Path:
    """A file of the served version's segment, or its own manifest."""
    folder = served_folder(collection)
    return segment_of(folder) / name if name in SEGMENT_FILES else folder / MANIFEST


def restore(path: Path, content: bytes) -> None:
    """The file as it was, in another inode."""
    with writable(path.parent):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(content)


async def assert_exact(live: LiveIndex, collection: Collection) -> None:
    """Each track's hits are those of brute force over the vectors that were embedded."""
    assert live.served
    index = live.served.index
    ids = index.track_ids
    assert set(ids) == set(collection.vectors)
    queries = [NeighbourQuery(index.vectors_of([track]), 5) for track in ids]
    matrix = np.array([collection.vectors[track] for track in ids])
    for row, hits in enumerate(await live.served.search(queries)):
        cosines = matrix @ matrix[row]
        best = np.argsort(-cosines)[:5]
        assert hits.track_ids == [ids[row] for row in best]
        np.testing.assert_allclose(hits.scores, cosines[best], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
async def test_damaged_file_is_not_loaded(
    live: LiveIndex, collection: Collection, name: str
) -> None:
    folder, path = served_folder(collection), served_file(collection, name)
    whole = path.read_bytes()
    for failures, harm in enumerate(DAMAGES):
        harm(path)
        await live.follow(published(collection))
        assert live.load_failures == failures + 1, harm
        assert live.served is None
        assert folder.name in str(live.problem)
        assert str(collection.store.root) not in str(live.problem)
        restore(path, whole)
    await live.follow(published(collection))
    assert live.problem is None
    await assert_exact(live, collection)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
async def test_file_damaged_under_the_server_changes_no_answer_and_is_told(
    live: LiveIndex, collection: Collection, name: str
) -> None:
    await live.follow(published(collection))
    assert live.served
    path, index = served_file(collection, name), live.served.index
    whole = path.read_bytes()
    for harm in DAMAGES:
        harm(path)
        await assert_exact(live, collection)
        if harm is damage.flip_a_bit:  # nothing but reading shows it
            await to_thread.run_sync(live.served.check.problem, 0.0)
        await live.check()
        assert live.problem == FILES_CHANGED, harm
        await live.follow(published(collection))
        assert live.served.index is index
        await assert_exact(live, collection)
        restore(path, whole)
        await live.check()
        assert live.problem is None, harm
    await assert_exact(live, collection)


@pytest.mark.slow
async def test_whole_folder_that_vanishes_changes_no_answer(
    live: LiveIndex, collection: Collection
) -> None:
    await live.follow(published(collection))
    remove_folder(served_folder(collection))
    await live.check()
    assert live.problem == FILES_CHANGED
    await assert_exact(live, collection)


async def test_manifest_without_sizes_is_loaded_and_its_damage_refused(
    live: LiveIndex, collection: Collection
) -> None:
    """Manifests of older releases have none."""
    folder = served_folder(collection)
    as_older_release(folder)
    older = read_manifest(folder).model_dump_json(exclude={"sizes"}).encode()
    overwrite(folder / MANIFEST, older)
    with collection.sessions.begin() as session:
        session.execute(update(IndexVersionRow).values(manifest_sha256=None))
    await live.follow(published(collection))
    await assert_exact(live, collection)

    fresh = LiveIndex(collection.store)
    damage.append(folder / INDEX)
    await fresh.follow(published(collection))
    assert fresh.served is None
    assert "cannot be opened" in str(fresh.problem)


@pytest.mark.slow
async def test_new_version_ends_the_check_of_the_old_one(
    live: LiveIndex, collection: Collection
) -> None:
    await live.follow(published(collection))
    assert live.served
    old = live.served.check
    damage.truncate(served_file(collection, INDEX))
    await live.check()
    assert live.problem
    collection.add(*numbered(3))
    collection.publish()
    await live.follow(published(collection))
    assert live.problem is None
    with pytest.raises(Stopped):
        old.problem(0.0)


@pytest.mark.slow
def test_check_that_reads_ends_when_it_is_stopped(live: LiveIndex, collection: Collection) -> None:
    """At a byte a second it would go on for an hour."""
    folder = served_folder(collection)
    manifest = read_manifest(folder)
    check = DiskCheck(folder, manifest, None, [segment_of(folder).name])
    ended = threading.Event()

    def reading() -> None:
        try:
            check.problem(0.0, 1.0)
        except Stopped:
            ended.set()

    thread = threading.Thread(target=reading)
    thread.start()
    check.stop()
    thread.join()
    assert ended.is_set()
    assert live.served is None


def test_built_files_are_read_only(live: LiveIndex, collection: Collection) -> None:
    folder = served_folder(collection)
    for built, names in ((folder, (MANIFEST,)), (segment_of(folder), SEGMENT_FILES)):
        assert built.stat().st_mode & 0o777 == 0o555
        modes = {path.name: path.stat().st_mode & 0o777 for path in built.iterdir()}
        assert modes == dict.fromkeys(names, 0o444)
    assert live.served is None


@pytest.mark.slow
async def test_no_copy_has_a_name(live: LiveIndex, collection: Collection) -> None:
    before = sorted(collection.store.indexes.iterdir())
    await live.follow(published(collection))
    assert sorted(collection.store.indexes.iterdir()) == before
