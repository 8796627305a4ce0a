"""Whatever is lost or damaged below the data root is noticed, and made again byte for byte."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.index_versions import require_built
from soundalike.catalog.publications import published, published_before
from soundalike.catalog.tables import BatchRow, EmbeddedBatchRow, IndexVersionRow, TrackRow
from soundalike.errors import ArtifactError, StorageError
from soundalike.ingest.artifacts import Damage, Kind, all_artifacts, damages_of
from soundalike.ingest.build_index import build_index
from soundalike.ingest.healing import heal, mark, messages
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.maps.draw import draw_map
from soundalike.storage.atomic import remove_folder, sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.map_files import MANIFEST, POINTS
from tests.conftest import new_database
from tests.damage import flip_a_bit, overwrite, writable
from tests.library import Library
from tests.sounds import song

ARTIFACTS = {
    "audio": "audio/44100/*/*.flac",
    "manifest": "batches/*.parquet",
    "vectors": "embeddings/*/*.npy",
    "sidecar": "embeddings/*/*.parquet",
    "segment": "segments/*/index.faiss",
    "track ids": "segments/*/tracks.ids",
    "segment manifest": "segments/*/manifest.json",
    "index manifest": "indexes/*/manifest.json",
}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


def swap(path: Path) -> None:
    """Exchange the file with another of its kind, most alike in size; an index's is replaced."""
    others = [other for other in path.parents[1].rglob(f"*{path.suffix}") if other != path]
    other = min(others, key=lambda other: abs(other.stat().st_size - path.stat().st_size))
    content, others_content = path.read_bytes(), other.read_bytes()
    path.write_bytes(others_content)
    if not {"indexes", "segments"} & set(path.parts):
        other.write_bytes(content)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "removed": Path.unlink,
    "truncated": truncate,
    "emptied": empty,
    "flipped": flip,
    "swapped": swap,
    "replaced by a folder": replace_by_folder,
}


@pytest.fixture(scope="module")
def shared(
    server_url: str, decoders: Decoders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """A library of two batches with an older index, which each test finds whole and leaves so."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "music").mkdir()
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        library = Library(folder / "music", sessions, ArtifactStore(folder / "data"), decoders)
        for seed in range(4):
            song(library.music / f"{seed}.flac", seconds=1.5, seed=seed)
            if seed % 2:
                library.ingest()
                library.publish()
        yield library
        sessions.kw["bind"].dispose()


def damaged(library: Library) -> list[Damage]:
    """Return what `soundalike verify` finds."""
    with library.sessions() as session:
        artifacts = list(all_artifacts(session, library.store))
    return list(filter(None, damages_of(artifacts, audio=True)))


def contents(library: Library) -> dict[str, str]:
    """Return the hash of each file, but of what is not the same at each building."""
    root = library.store.root
    return {
        str(path.relative_to(root)): "" if path.name == "manifest.json" else sha256_of(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".damaged-" not in str(path)
    }


def ingest(library: Library) -> None:
    """Do what `soundalike ingest` does."""
    library.ingest()
    space = library.model.space
    if next_index(library.sessions, library.store, space, "auto").version:
        library.publish()


def path_of(library: Library, artifact: str) -> Path:
    """Return the first artifact of this kind; of indexes the served one's."""
    with library.sessions() as session:
        served = published(session)
    names = [served.index.version] if served else []
    if served:
        names += read_manifest(library.store.index(served.index.version)).segments
    paths = sorted(library.store.root.glob(ARTIFACTS[artifact]))
    return next((path for path in paths if path.parent.name in names), paths[0])


@pytest.fixture
def whole(shared: Library) -> Iterator[Library]:
    """The same library, which is whole before and after."""
    before = contents(shared)
    assert damaged(shared) == []
    yield shared
    for folder in shared.store.root.glob("*/*.damaged-*"):
        remove_folder(folder)
    assert damaged(shared) == []
    assert contents(shared) == before
    assert shared.pending() == []


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_damage_is_noticed_and_healed(whole: Library, artifact: str, damage: str) -> None:
    path = path_of(whole, artifact)
    with writable(path.parent):
        DAMAGES[damage](path)
    found = damaged(whole)
    assert {path, path.parent} & {damage.artifact.path for damage in found}
    if artifact == "audio":  # an ingest does not read all audio; `verify --repair` does
        mark(whole.sessions, whole.store, found, audio=True)
    ingest(whole)


@pytest.mark.parametrize("artifact", ["audio", "manifest", "vectors", "sidecar"])
@pytest.mark.parametrize("damage", ["removed", "truncated"])
def test_what_an_ingest_looks_for_itself_it_heals_and_names(
    whole: Library, artifact: str, damage: str
) -> None:
    path = path_of(whole, artifact)
    with writable(path.parent):
        DAMAGES[damage](path)
    found = heal(whole.sessions, whole.store)
    assert [damage.artifact.path for damage in found] == [path]
    [said] = messages(found)
    assert said.startswith("lost or damaged in the data root, made again: ")
    assert len(whole.pending()) == 1
    ingest(whole)


@pytest.mark.parametrize("folder", ["audio", "audio/44100", "batches", "embeddings", "segments"])
def test_a_lost_folder_is_filled_again(library: Library, folder: str) -> None:
    song(library.music / "0.flac", seconds=1.5, seed=0)
    library.ingest()
    library.publish()
    before = contents(library)
    remove_folder(library.store.root / folder)
    assert damaged(library)
    ingest(library)
    assert damaged(library) == []
    assert contents(library) == before


@pytest.mark.parametrize("name", [POINTS, MANIFEST])
def test_a_damaged_map_is_noticed_and_drawn_again(whole: Library, name: str) -> None:
    folder = whole.store.map(draw_map(whole.sessions, whole.store).index_version)
    points = (folder / POINTS).read_bytes()
    with whole.sessions() as session:
        [older] = published_before(session, folder.name)
    shutil.copytree(folder, whole.store.map(older))
    for each in (folder, whole.store.map(older)):
        flip_a_bit(each / name)
    found = damaged(whole)
    assert {each.artifact.path for each in found} == {folder, whole.store.map(older)}
    assert {each.artifact.kind for each in found} == {Kind.MAP}
    assert mark(whole.sessions, whole.store, found) == found
    assert list(whole.store.maps.iterdir()) == []
    with whole.sessions() as session:
        require_built(session, older)  # the indexes are whole
    draw_map(whole.sessions, whole.store)
    assert (folder / POINTS).read_bytes() == points
    assert damaged(whole) == []
    remove_folder(whole.store.maps)


def test_lost_indexes_are_built_again_and_older_ones_retired(library: Library) -> None:
    for seed in range(2):
        song(library.music / f"{seed}.flac", seconds=1.5, seed=seed)
        library.ingest()
        library.publish()
    remove_folder(library.store.indexes)
    [served, older] = sorted(heal(library.sessions, library.store), key=lambda d: d.artifact.kind)
    assert (served.artifact.kind, older.artifact.kind) == (Kind.INDEX, Kind.OLDER_INDEX)
    assert messages([served, older]) == [
        "lost or damaged in the data root, made again: index: 1",
        f"lost older indexes, to which no rollback is possible: {older.artifact.name}",
    ]
    ingest(library)
    assert damaged(library) == []
    with pytest.raises(ArtifactError, match="or is lost"):
        publish(library.sessions, library.store, library.model.space, older.artifact.name)


def test_the_served_index_stays_while_vectors_are_made_again(whole: Library) -> None:
    space = whole.model.space
    path_of(whole, "vectors").unlink()
    whole.scan()
    heal(whole.sessions, whole.store)
    wanted = next_index(whole.sessions, whole.store, space, "auto")
    assert wanted.version is None
    assert "the vectors of b000001 are made again; index" in wanted.reason
    with pytest.raises(ArtifactError, match="the vectors of b000001 are lost"):
        build_index(whole.sessions, whole.store, space, "auto")
    ingest(whole)
    assert next_index(whole.sessions, whole.store, space, "auto").is_current


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ["vectors", "sidecar"])
def test_a_build_that_meets_damage_makes_its_batch_pending(library: Library, artifact: str) -> None:
    song(library.music / "0.flac", seconds=1.5, seed=0)
    library.ingest()
    flip(path_of(library, artifact))
    space = library.model.space
    with pytest.raises(ArtifactError, match="made again by the next ingest"):
        build_index(library.sessions, library.store, space, "auto")
    assert library.pending() == ["b000001"]
    library.process("b000001")
    assert library.publish().tracks == 1


def test_a_batch_that_is_being_worked_on_is_left_alone(whole: Library) -> None:
    path_of(whole, "vectors").unlink()
    with batch_lock(whole.sessions, 1):
        assert heal(whole.sessions, whole.store) == []
    assert whole.pending() == []
    ingest(whole)


def test_a_disk_that_is_not_mounted_is_no_damage(whole: Library) -> None:
    away = whole.store.embeddings.rename(whole.store.root / "mounted")
    whole.store.embeddings.symlink_to(whole.store.root / "nowhere")
    with pytest.raises(StorageError, match="Mount that disk"):
        heal(whole.sessions, whole.store)
    whole.store.embeddings.unlink()
    away.rename(whole.store.embeddings)


@pytest.mark.slow
def test_files_of_an_older_version_are_checked_by_reading_them(whole: Library) -> None:
    with whole.sessions.begin() as session:
        session.execute(update(TrackRow).values(audio_bytes=None, audio_sha256=None))
        session.execute(update(BatchRow).values(manifest_sha256=None))
        session.execute(update(EmbeddedBatchRow).values(sidecar_sha256=None))
        session.execute(update(IndexVersionRow).values(manifest_sha256=None))
    assert damaged(whole) == []
    for artifact in ("audio", "manifest", "sidecar", "index manifest"):
        truncate(path_of(whole, artifact))
    found = damaged(whole)
    assert len(found) == 4
    mark(whole.sessions, whole.store, found, audio=True)
    ingest(whole)


@pytest.mark.slow
def test_music_that_is_away_keeps_tracks_until_it_is_back(library: Library) -> None:
    song(library.music / "0.flac", seconds=1.5, seed=0)
    library.ingest()
    library.publish()
    shutil.rmtree(library.store.manifests)
    shutil.rmtree(library.store.canonical)
    away = library.music.rename(library.music.parent / "unmounted")
    ingest(library)
    assert len(next_index(library.sessions, library.store, library.model.space, "auto").reason)
    away.rename(library.music)
    ingest(library)
    assert damaged(library) == []


def test_a_damaged_index_that_was_published_by_hand_is_built_again(library: Library) -> None:
    song(library.music / "0.flac", seconds=1.5, seed=0)
    library.ingest()
    version = library.publish().version
    publish(library.sessions, library.store, library.model.space, version)
    flip(path_of(library, "segment"))
    ingest(library)
    assert damaged(library) == []


@pytest.mark.slow
def test_a_new_catalog_uses_the_canonical_audio_that_is_there(
    library: Library, server_url: str
) -> None:
    song(library.music / "0.flac", seconds=1.5, seed=0)
    library.ingest()
    before = contents(library)
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        anew = Library(library.music, sessions, library.store, library.decoders)
        anew.scan()
        _, resampled, embedded = anew.process("b000001")
        assert (resampled.reused, embedded.done) == (1, 1)
        assert (damaged(anew), contents(anew)) == ([], before)
        sessions.kw["bind"].dispose()
