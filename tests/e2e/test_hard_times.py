"""A disk that fills, a database that dies, a clock that goes back, music that is unplugged: what
happens is said once, nothing is lost, and the same command goes on from there."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Installation, serving
from tests.patience import until
from tests.sounds import song
from tests.torture.artifacts import Inspector
from tests.torture.compare import Facts, compare, facts

SUFFIXES = (".flac", ".mp3", ".opus", ".m4a", ".wav", ".ogg")


@pytest.fixture(scope="module")
def songs(open_module_folder: Path) -> Path:
    folder = open_module_folder / "songs"
    for number, suffix in enumerate(SUFFIXES):
        song(folder / f"{number}{suffix}", 2.0, seed=number, title=f"title {number}")
    return folder


@pytest.fixture
def music(open_folder: Path, songs: Path) -> Path:
    """A copy of the songs to be rough with."""
    return Path(shutil.copytree(songs, open_folder / "music"))


def installed(data: Path, models: Path, **settings: str) -> Installation:
    return Installation.at(
        data, models, SOUNDALIKE_BATCH_TRACKS="2", OMP_NUM_THREADS="1", **settings
    )


@pytest.fixture
def installation(open_folder: Path, models_dir: Path) -> Installation:
    return installed(open_folder / "data", models_dir)


@pytest.fixture(scope="module")
def undisturbed(open_module_folder: Path, models_dir: Path, songs: Path) -> Facts:
    installation = installed(open_module_folder / "undisturbed", models_dir)
    installation.run("ingest", songs)
    return facts(installation.data)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of that size. Mounting takes root."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "soundalike-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(disk: Path) -> Path:
    """Leave no room on it, whoever else writes there meanwhile; returns the ballast."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))
    return ballast


def reading(installation: Installation) -> bool:
    """Whether the first batch was read, so that an ingest is in the middle of its work."""
    return (installation.data / "batches" / "b000001.parquet").exists()


def assert_said_once(output: str, *words: str) -> None:
    said = " ".join(output.split())
    assert said.count("error:") == 1, output
    assert "Traceback" not in output
    for word in words:
        assert word in said, output


def assert_nothing_half_written(installation: Installation) -> None:
    inspector = Inspector(installation.data)
    inspector.look()
    assert inspector.problems == []


def assert_completes(installation: Installation, undisturbed: Facts, *words: str | Path) -> None:
    """The same command, run again, ends where an undisturbed one does."""
    installation.run("ingest", *words)
    found = facts(installation.data, installation.environment.get("DATABASE_URL"))
    difference = compare(undisturbed, found)
    assert difference.lost == difference.divergent == []


@pytest.mark.slow
def test_a_full_disk_is_named_before_anything_starts(
    open_folder: Path, models_dir: Path, music: Path
) -> None:
    with small_disk(open_folder / "disk", 4) as disk:
        output = installed(disk / "data", models_dir).run("ingest", music, expect=1)
        assert_said_once(output, str(disk / "data"), "its disk is full", "run it again")
        assert not (disk / "data" / "postgres").exists()


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle(
    open_folder: Path, models_dir: Path, music: Path, undisturbed: Facts
) -> None:
    with small_disk(open_folder / "disk", 160) as disk:
        installation = installed(disk / "data", models_dir)
        with installation.start("ingest", music) as process:
            until(lambda: reading(installation))
            ballast = fill_up(disk)
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 1, output
        assert_said_once(output, str(installation.data), "cannot be written")
        assert_nothing_half_written(installation)
        ballast.unlink()
        assert installation.ask("select count(*) from failures") == 0
        assert_completes(installation, undisturbed)


@pytest.mark.slow
def test_a_disk_that_fills_while_the_catalog_is_elsewhere(
    open_folder: Path, models_dir: Path, music: Path, undisturbed: Facts, database_url: str
) -> None:
    with small_disk(open_folder / "disk", 40) as disk:
        installation = installed(disk / "data", models_dir, DATABASE_URL=database_url)
        with installation.start("ingest", music) as process:
            until(lambda: reading(installation))
            ballast = fill_up(disk)
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 1, output
        assert_said_once(output, str(installation.data), "cannot be written")
        assert_nothing_half_written(installation)
        ballast.unlink()
        assert_completes(installation, undisturbed)


@pytest.mark.slow
def test_a_data_root_that_is_read_only(
    open_folder: Path, models_dir: Path, music: Path, undisturbed: Facts, database_url: str
) -> None:
    with small_disk(open_folder / "disk", 160) as disk:
        for name, settings in (("with", {"DATABASE_URL": database_url}), ("without", {})):
            installation = installed(disk / name, models_dir, **settings)
            installation.data.mkdir()
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            output = installation.run("ingest", music, expect=1)
            assert_said_once(output, str(installation.data), "read-only")
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            assert_completes(installation, undisturbed, music)


def kill_postgres(installation: Installation) -> None:
    pid_file = installation.data / "postgres" / "cluster" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


@pytest.mark.slow  # Dagster asks for half a minute before it gives up
def test_a_postgres_that_dies_in_the_middle(
    installation: Installation, music: Path, undisturbed: Facts
) -> None:
    with installation.start("ingest", music) as process:
        until(lambda: reading(installation))
        kill_postgres(installation)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert_said_once(output, "private PostgreSQL", str(installation.data), "continues where")
    assert "Retrying" not in output
    assert_nothing_half_written(installation)
    assert_completes(installation, undisturbed)


@pytest.mark.slow
def test_the_api_outlives_a_postgres_that_dies_under_an_ingest(
    installation: Installation, music: Path, undisturbed: Facts, free_port: int
) -> None:
    late = music.parent / "late"
    late.mkdir()
    for name in ("1.mp3", "2.opus", "4.wav"):
        shutil.move(music / name, late)
    installation.run("ingest", music)
    with serving(installation, free_port) as client:
        version = client.get("/v1/index").json()["version"]
        for path in sorted(late.iterdir()):
            shutil.move(path, music)
        batch = installation.data / "batches" / "b000003.parquet"
        with installation.start("ingest") as process:
            until(batch.exists)
            kill_postgres(installation)
            problem = until(lambda: unavailable(client))
            assert problem["type"].endswith("catalog-unreachable")
            until(lambda: client.get("/health/ready").is_success)
            assert client.get("/v1/index").json()["version"] == version
            output, _ = process.communicate(timeout=120)
        assert "Traceback" not in output
        assert_completes(installation, undisturbed)
        until(lambda: client.get("/v1/index").json()["tracks"] == len(SUFFIXES))
        assert client.get("/v1/tracks").json()["total"] == len(SUFFIXES)


def unavailable(client: httpx.Client) -> dict[str, str] | None:
    answer = client.get("/v1/tracks")
    if answer.is_success:
        return None
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    return dict(answer.json())


AHEAD = "interval '10 years'"
STAMPS = {
    "roots": "added_at",
    "batches": "sealed_at",
    "tracks": "added_at",
    "failures": "failed_at",
    "embedded_batches": "embedded_at",
    "index_versions": "built_at",
    "publications": "published_at",
    "dagster.event_logs": "timestamp",
    "dagster.runs": "create_timestamp",
}


@pytest.mark.slow
def test_a_clock_that_went_back(installation: Installation, music: Path) -> None:
    future = 4_000_000_000  # 2096
    os.utime(music / "1.mp3", (future, future))
    (music / "words.mp3").write_text("words")
    late = shutil.move(music / "4.wav", music.parent)
    output = installation.run("ingest", music)
    assert "5 tracks embedded, 1 failure" in output
    moved = [f"update {table} set {name} = {name} + {AHEAD}" for table, name in STAMPS.items()]
    retried = f"update failures set retry_at = now() + {AHEAD}"
    installation.do(*moved, retried)
    shutil.move(late, music)
    assert "index" in installation.run("ingest")
    served = "select tracks from index_versions join publications using (version)"
    assert installation.ask(f"{served} order by publications.id desc limit 1") == len(SUFFIXES)
    assert installation.ask("select attempts from failures") == 2, "it was not waited for"
    assert "nothing to remove" in installation.run("gc", "--apply")
    assert "nothing new" in installation.run("ingest")


@pytest.mark.slow
def test_music_that_is_unplugged_in_the_middle(
    installation: Installation, music: Path, undisturbed: Facts
) -> None:
    away = music.with_name("away")
    with installation.start("ingest", music) as process:
        until(lambda: reading(installation))
        music.rename(away)
        output, _ = process.communicate(timeout=120)
    assert "Traceback" not in output
    output = installation.run("ingest")
    assert "0 removed" in output
    assert installation.ask("select count(*) from files where gone_at is not null") == 0
    away.rename(music)
    assert_completes(installation, undisturbed)


@pytest.mark.slow
def test_two_ingests_at_once(installation: Installation, music: Path, undisturbed: Facts) -> None:
    with installation.start("ingest", music) as first:
        until(lambda: reading(installation))
        output = installation.run("ingest", music, expect=1)
        assert_said_once(output, "another `soundalike ingest` is running")
        output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert_completes(installation, undisturbed)
