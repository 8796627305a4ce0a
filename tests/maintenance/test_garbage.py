"""Garbage collection must never take what is published, newer, or may come back."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, update

from soundalike.catalog.engine import open_catalog
from soundalike.catalog.tables import FileRow
from soundalike.errors import ArtifactError
from soundalike.ingest.build_index import build_index
from soundalike.ingest.publish import publish
from soundalike.maintenance import garbage
from soundalike.maintenance.garbage import collect, find_garbage
from soundalike.maintenance.local_garbage import DAY, Garbage, Retention
from tests.conftest import new_database
from tests.damage import overwrite, segment_of
from tests.fakes import FakeModel
from tests.library import Library
from tests.sounds import song

KEEP = Retention(indexes=1, days=30)


def found(library: Library, keep: Retention = KEEP) -> list[Garbage]:
    return find_garbage(library.sessions, library.store, library.model.space.key, keep)


def collected(library: Library, keep: Retention = KEEP) -> list[Path]:
    space = library.model.space.key
    return [item.path for item in collect(library.sessions, library.store, space, keep)]


def aged(path: Path, days: float) -> Path:
    then = time.time() - days * DAY
    for inside in [*path.rglob("*"), path]:
        os.utime(inside, (then, then))
    return path


def add(library: Library, seed: int) -> str:
    song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.ingest()
    return library.publish().version


def all_gone(library: Library, days: float) -> None:
    with library.sessions.begin() as session:
        then = func.now() - func.make_interval(0, 0, 0, days)
        session.execute(update(FileRow).where(FileRow.gone_at.is_not(None)).values(gone_at=then))


def test_nothing_of_a_fresh_library_is_garbage(library: Library) -> None:
    add(library, 1)
    assert found(library) == []
    assert found(library, Retention(indexes=0, days=1)) == []


def test_older_indexes_go_and_enough_stay_for_a_rollback(library: Library) -> None:
    versions = [add(library, seed) for seed in range(4)]
    folders = [library.store.index(version) for version in versions]
    assert [item.path for item in found(library)] == sorted(folders[:2])
    assert all(folder.is_dir() for folder in folders), "finding removes nothing"
    assert collected(library) == sorted(folders[:2])
    assert [folder.is_dir() for folder in folders] == [False, False, True, True]
    assert found(library) == []
    publish(library.sessions, library.store, library.model.space, versions[2])
    with pytest.raises(ArtifactError, match=f"{versions[0]}.*{versions[3]}"):
        publish(library.sessions, library.store, library.model.space, versions[0])


def test_an_index_that_is_published_while_garbage_is_found_stays(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [add(library, seed) for seed in range(2)]

    def then_published(*where: Any) -> list[Garbage]:
        listed = find_garbage(*where)
        publish(library.sessions, library.store, library.model.space, versions[0])
        return listed

    monkeypatch.setattr(garbage, "find_garbage", then_published)
    assert collected(library, Retention(indexes=0, days=30)) == []
    assert library.store.index(versions[0]).is_dir()


@pytest.mark.slow
def test_what_is_newer_than_the_published_index_stays(library: Library) -> None:
    versions = [add(library, seed) for seed in range(3)]
    publish(library.sessions, library.store, library.model.space, versions[0])  # a rollback
    assert found(library, Retention(indexes=0, days=1)) == []


@pytest.mark.slow
def test_an_index_that_is_called_for_again_is_built_again(library: Library) -> None:
    first = add(library, 1)
    add(library, 2)
    collect(library.sessions, library.store, library.model.space.key, Retention(0, 30))
    assert not library.store.index(first).exists()
    (library.music / "2.flac").unlink()
    library.ingest()
    assert library.publish().version == first


@pytest.mark.slow
def test_before_anything_is_published_no_index_goes(library: Library) -> None:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
        library.ingest()
        build_index(library.sessions, library.store, library.model.space, "auto")
    assert found(library, Retention(indexes=0, days=1)) == []


@pytest.mark.slow
def test_audio_of_removed_tracks_goes_after_its_time_and_the_embedding_stays(
    library: Library,
) -> None:
    add(library, 1)
    add(library, 2)
    (library.music / "2.flac").rename(library.music.parent / "away")
    library.ingest()
    for path in library.store.canonical.rglob("*.flac"):
        aged(path, 90)
    library.publish()
    with library.sessions.begin() as session:
        session.connection().exec_driver_sql("update tracks set added_at = now() - interval '90d'")
    all_gone(library, days=29)
    assert found(library) == []
    all_gone(library, days=31)
    [audio] = found(library)
    assert collected(library) == [audio.path]
    (library.music.parent / "away").rename(library.music / "2.flac")
    library.ingest()
    assert library.model.embedder.embedded == 2, "coming back costs nothing"
    assert library.publish().tracks == 2


def test_what_kills_leave_behind_goes_after_a_day(library: Library) -> None:
    version = add(library, 1)
    store = library.store
    folder = next(store.canonical.iterdir())
    left = [
        folder / ".x.flac.1-ab.tmp",
        store.manifests / ".b000009.parquet.1-ab.tmp",
        store.embeddings / library.model.space.key / ".b000009.npy.1-ab.tmp",
        store.ground_truth.with_name(".ground-truth.npz.1-ab.tmp"),
        store.scratch / "tmpx.mp3",
    ]
    store.scratch.mkdir()
    for path in left:
        path.write_bytes(b"half")
    half = store.indexes / f".{version}.1-ab.tmp"
    half.mkdir()
    (half / "index.faiss").write_bytes(b"half")
    for path in (*left, half):
        aged(path, 0.9)
    assert found(library) == [], "it may be being written"
    for path in (*left, half):
        aged(path, 1.1)
    assert set(collected(library)) == {*left, half}


def test_what_the_catalog_does_not_know_goes_after_a_day(library: Library) -> None:
    add(library, 1)
    store, space = library.store, library.model.space.key
    strangers = [
        store.batch_manifest("b000077"),
        store.vectors(space, "b000077"),
        store.sidecar(space, "b000077"),
        store.audio("ff" * 16),
        store.index("0123456789ab"),
    ]
    store.audio("ff" * 16).parent.mkdir(exist_ok=True)
    for path in strangers:
        path.write_bytes(b"x")
    assert found(library) == [], "artifacts are written before they are recorded"
    for path in strangers:
        aged(path, 1.1)
    assert set(collected(library)) == set(strangers)


def test_a_clock_that_went_back_makes_nothing_old(library: Library) -> None:
    add(library, 1)
    stranger = library.store.index("0123456789ab")
    stranger.mkdir()
    aged(stranger, -400)
    assert found(library) == []


@pytest.mark.slow
def test_embeddings_of_a_model_no_longer_used_go_and_come_again(library: Library) -> None:
    add(library, 1)
    old = library.model
    library.model = FakeModel(replace(old.space, parameters={"version": 2}))
    library.ingest()
    library.publish()
    folder = library.store.embeddings / old.space.key
    assert found(library) == []
    aged(folder, 31)
    assert found(library) == [], "an index that is kept for a rollback is of that model"
    aged(folder, 29)
    assert folder not in [item.path for item in found(library, Retention(indexes=0, days=30))]
    aged(folder, 31)
    assert folder in collected(library, Retention(indexes=0, days=30))
    library.model = old
    assert library.pending() == ["b000001"]
    library.ingest()
    assert library.publish().space == old.space.key


def test_another_catalogs_data_root_is_left_alone(library: Library, server_url: str) -> None:
    add(library, 1)
    add(library, 2)
    for path in library.store.root.rglob("*"):
        aged(path, 2)
    everything = sorted(library.store.root.rglob("*"))
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        with pytest.raises(ArtifactError, match="does not know most of what is in"):
            collect(sessions, library.store, library.model.space.key, KEEP)
        sessions.kw["bind"].dispose()
    assert sorted(library.store.root.rglob("*")) == everything


def test_what_a_person_left_there_is_no_error(library: Library) -> None:
    add(library, 1)
    (library.store.embeddings / "README.txt").write_text("mine")
    assert found(library) == []


def test_damaged_indexes_are_kept_to_be_looked_at_and_then_go(library: Library) -> None:
    version = add(library, 1)
    segment = segment_of(library.store.index(version))
    overwrite(segment / "index.faiss", b"x")
    aged(library.store.index(version), 40)
    aged(segment, 40)
    library.publish()
    assert found(library) == [], "it is as old as the day it was set aside"
    damaged = sorted(library.store.root.glob("*/*.damaged-*"))
    assert [path.parent for path in damaged] == [library.store.indexes, library.store.segments]
    for path in damaged:
        aged(path, 29)
    assert found(library) == []
    for path in damaged:
        aged(path, 31)
    assert sorted(collected(library)) == damaged
