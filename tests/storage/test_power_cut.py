"""After a power cut, what was published is there whole, and what was recorded is there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from soundalike.embedders.mert.download import FILE, fetch_mert
from soundalike.storage.atomic import atomic_file, atomic_folder
from tests.hub import MODEL, TINY, Hub
from tests.library import Library
from tests.sounds import song
from tests.storage.power_cut import Contents, Disk, power_cuts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads files through /proc")


def write_file(folder: Path) -> None:
    with atomic_file(folder / "new" / "deep" / "file") as temporary:
        temporary.write_bytes(b"whole")


def write_over(folder: Path) -> None:
    with atomic_file(folder / "old") as temporary:
        temporary.write_bytes(b"whole")


def write_folder(folder: Path) -> None:
    with atomic_folder(folder / "versions" / "v1") as temporary:
        (temporary / "a").write_bytes(b"first")
        (temporary / "b").write_bytes(b"second")


@pytest.mark.parametrize("write", [write_file, write_over, write_folder])
def test_a_writer_loses_nothing_that_it_said_was_there(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    (tmp_path / "old").write_bytes(b"before")
    with power_cuts(tmp_path) as disk:
        write(tmp_path)
        assert disk.durable() == disk.visible()
    assert len(disk.moments) > 4
    assert torn(disk, {"old": b"before"}) == []


def test_an_ingest_records_only_what_is_durable(library: Library) -> None:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed, title=f"Song {seed}")
    library.store.root.mkdir()
    seen: list[bool] = []

    with power_cuts(library.store.root) as disk:
        engine = library.sessions.kw["bind"]
        event.listen(engine, "commit", lambda _: seen.append(disk.durable() == disk.visible()))
        library.ingest()
        library.publish()
        kinds = {Path(name).suffix for name in disk.durable()}
        assert disk.durable() == disk.visible()
    assert {".npy", ".flac", ".json"} <= kinds
    assert len(seen) > 5
    assert all(seen)
    assert torn(disk, {}) == []


def test_a_download_has_its_name_only_when_it_is_whole(hub: Hub, tmp_path: Path) -> None:
    with power_cuts(tmp_path) as disk:
        fetch_mert(tmp_path, MODEL)
    kept = {data for moment in disk.moments for name, data in moment.items() if name == FILE}
    assert kept == {(TINY / FILE).read_bytes()}


def torn(disk: Disk, before: Contents) -> list[str]:
    """Files that a power cut at some moment would leave half: neither as before nor as they are."""
    after = disk.visible()
    return sorted(
        {
            name
            for moment in disk.moments
            for name, data in moment.items()
            if data not in (before.get(name), after.get(name))
        }
    )
