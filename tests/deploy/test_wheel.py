"""What the wheel forgets is missed only where there is no checkout."""

import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import soundalike
from tests.conftest import new_database
from tests.deploy.installed import build, installed
from tests.patience import until
from tests.source import PACKAGES, REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def told(environment: Path, home: Path, **settings: str) -> dict[str, str]:
    return {
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "SOUNDALIKE_DATA": str(home / "data"),
        "SOUNDALIKE_MODEL": "musicnn-msd",
        **settings,
    }


def run(environment: Path, home: Path, *words: str, **settings: str) -> tuple[int, str]:
    done = subprocess.run(
        words,
        cwd=home / "elsewhere",
        env=told(environment, home, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_wheel_has_every_file_of_the_packages_and_no_other(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path)) as wheel:
        packed = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *PACKAGES],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    info = f"soundalike-{soundalike.__version__}.dist-info"
    data = f"soundalike-{soundalike.__version__}.data/data/share/soundalike"
    assert len(tracked) > 400
    assert set(tracked) - packed == set()
    others = {name for name in packed - set(tracked) if not name.startswith(f"{info}/")}
    assert others == {f"{data}/dagster.yaml", f"{data}/workspace.yaml"}
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= packed


def test_the_code_is_the_wheels(environment: Path, home: Path) -> None:
    """Else the other tests would test the checkout."""
    code, output = run(
        *(environment, home, "python", "-c"),
        "import soundalike, pipelines, serving; print(soundalike.__file__, serving.__file__)",
    )
    assert code == 0, output
    assert output.count(str(environment)) == 2


def test_commands_work_without_the_checkout(environment: Path, home: Path) -> None:
    assert run(environment, home, "soundalike", "--version") == (
        0,
        f"soundalike {soundalike.__version__}\n",
    )
    code, output = run(environment, home, "soundalike", "doctor")
    assert "Traceback" not in output
    assert re.search(r"ok +Dagster +its instance is in", output), output
    code, output = run(environment, home, "soundalike", "env")
    assert code == 0, output
    assert f"DAGSTER_HOME={environment}/share/soundalike" in output.replace("'", "")


def test_music_is_ingested_without_the_checkout(
    environment: Path, open_folder: Path, models_dir: Path, demo_music: Path
) -> None:
    (open_folder / "elsewhere").mkdir()
    songs = open_folder / "songs"
    songs.mkdir()
    for song in sorted(demo_music.rglob("*.opus"))[:2]:
        (songs / song.name).write_bytes(song.read_bytes())
    models = {"SOUNDALIKE_MODELS": str(models_dir), "SOUNDALIKE_SETTLE_SECONDS": "0"}
    code, output = run(environment, open_folder, "soundalike", "ingest", str(songs), **models)
    assert code == 0, output
    code, output = run(environment, open_folder, "soundalike", "similar", songs.name, **models)
    assert "Traceback" not in output


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    with new_database(server_url, template="template1") as url:
        yield url


def test_tables_are_made_and_the_page_is_served_without_the_checkout(
    environment: Path, home: Path, empty_database: str, free_port: int
) -> None:
    url = {"DATABASE_URL": empty_database.replace("+psycopg", "")}
    code, output = run(environment, home, "soundalike", "db", "upgrade", **url)
    assert code == 0, output
    settings = {**url, "SOUNDALIKE_PORT": str(free_port), "SOUNDALIKE_WORKERS": "1"}
    with subprocess.Popen(
        ["python", "-m", "serving"],
        cwd=home / "elsewhere",
        env=told(environment, home, **settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:

            def page() -> httpx.Response | None:
                try:
                    return httpx.get(f"http://127.0.0.1:{free_port}/", follow_redirects=True)
                except httpx.TransportError:
                    return None

            answer = until(page)
            assert answer.headers["content-type"].startswith("text/html")
            linked = re.findall(r'(?:href|src)="(web/[^"]+)"', answer.text)
            assert len(linked) > 5
            for path in linked:
                assert httpx.get(f"http://127.0.0.1:{free_port}/{path}").is_success, path
        finally:
            process.terminate()
