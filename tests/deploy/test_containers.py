"""What docker-compose.yml starts ingests and answers, and runs outlive a restart of the daemon."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import soundfile
from dagster_graphql import DagsterGraphQLClient

from soundalike.postgres.account import server_account
from soundalike.postgres.binaries import find_programs
from tests.deploy.compose import ours
from tests.deploy.container import Host, copied_image, resolved, tool
from tests.deploy.installed import installed
from tests.e2e.test_code_server import BATCH_RUNS, TERMINATE
from tests.e2e.test_up import TIMEOUT_SECONDS, dagster_client
from tests.patience import until
from tests.ports import free_ports
from tests.source import REPOSITORY

SONGS = 3
MINUTES = 20  # of a track whose run takes a while
KEY = "k3y-of-a-file"
PASSWORD = "pa55"
ORDER = ("runs", "code", "dagster", "api", "daemon")
ENDED = ("SUCCESS", "FAILURE", "CANCELED")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make namespaces as Docker does"),
]


class Stack:
    """The services, each in a container of its own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start services, each once those before it are healthy."""
        for name in names:
            self.running[name] = self.host.run(name)
            until(lambda name=name: self._healthy(name), TIMEOUT_SECONDS)

    def _healthy(self, name: str) -> bool:
        assert self.running[name].poll() is None, self.host.log(name)
        return self.host.healthy(name)

    def kill(self, *names: str) -> None:
        """End containers without a word, all their processes with them."""
        for name in names:
            process = self.running.pop(name)
            for first in psutil.Process(process.pid).children():
                first.kill()  # the first process of a namespace takes all others along
            process.wait()

    def api(self, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.host.ports['8000']}{path}"
        return httpx.get(url, headers={"X-API-Key": KEY}, timeout=60)

    def serves(self, tracks: int) -> None:
        def served() -> bool:
            answer = self.api("/v1/index")
            return answer.is_success and answer.json()["tracks"] == tracks

        until(served, TIMEOUT_SECONDS)

    @property
    def dagster(self) -> DagsterGraphQLClient:
        return until(lambda: dagster_client(self.host.ports["3000"]), TIMEOUT_SECONDS)

    def batch_runs(self) -> dict[str, str]:
        """The runs of batches, and how each is."""
        found = self.dagster._execute(BATCH_RUNS)["runsOrError"]["results"]
        return {run["runId"]: run["status"] for run in found}

    def started_run(self, known: dict[str, str]) -> str:
        """The run of the batches that is executed next."""

        def started() -> str | None:
            runs = self.batch_runs()
            return next((run for run in runs if run not in known and runs[run] == "STARTED"), None)

        return until(started, TIMEOUT_SECONDS)

    def end_of(self, run: str) -> str:
        def ended() -> str | None:
            status = self.batch_runs()[run]
            return status if status in ENDED else None

        return until(ended, TIMEOUT_SECONDS)


@contextmanager
def postgres(folder: Path, port: int) -> Iterator[None]:
    """A PostgreSQL as the image would set it up: reached by TCP, with a password."""
    account = server_account()
    programs = find_programs(account)
    account.make_private(folder)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    made = programs.run(
        *("initdb", "-D", "cluster", "-U", "soundalike", "-A", "scram-sha-256", "-E", "UTF8"),
        *("--pwfile", "password", "-N"),
        cwd=folder,
    )
    assert made.returncode == 0, made.stdout
    options = f"-h 127.0.0.1 -p {port} -k ''"
    control = ("pg_ctl", "-D", "cluster", "-w", "-l", "log")
    started = programs.run(*control, "-o", options, "start", cwd=folder)
    assert started.returncode == 0, started.stdout
    try:
        yield
    finally:
        programs.run(*control, "-m", "immediate", "stop", cwd=folder)


@pytest.fixture(scope="module")
def host(models_dir: Path, demo_music: Path) -> Iterator[Host]:
    """A machine with four songs, the image, secrets, and a migrated database."""
    # Not below /tmp, which is each container's own.
    with tempfile.TemporaryDirectory(prefix="soundalike-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("data", "music", "secrets", "python"):
            (folder / each).mkdir()
        os.chown(folder / "data", 10001, 10001)
        for song in sorted(demo_music.rglob("*.opus"))[:SONGS]:
            shutil.copy(song, folder / "music")
        long_track(folder / "music", 1)
        shutil.copytree(models_dir, folder / "data" / "models")
        image = installed(folder / "image")
        copied_image(image)
        workspace = image / "workspace.yaml"
        database, api, dagster = free_ports(3)
        services = resolved(MUSIC="/music", SOUNDALIKE_WINDOWS="all", SOUNDALIKE_WORKERS="1")
        made = Host(folder, image, services["services"], {"8000": api, "3000": dagster})
        workspace.write_text(made.here(workspace.read_text()))
        for secret, text in {
            "database_url": f"postgresql://soundalike:{PASSWORD}@127.0.0.1:{database}/postgres",
            "soundalike_api_key": KEY,
            "alert_url": "",
            "milvus_url": "http://milvus:19530",
            "aws_credentials": "",
        }.items():
            (folder / "secrets" / secret).write_text(text)
        with postgres(folder / "postgres", database):
            with made.run("migrations") as migrations:
                assert migrations.wait() == 0, made.log("migrations")
            yield made


@pytest.fixture
def stack(host: Host) -> Iterator[Stack]:
    started = Stack(host)
    try:
        started.start(*ORDER)
        yield started
    finally:
        started.kill(*started.running)
        for name in ORDER:  # pytest shows it if the test failed
            sys.stdout.write(f"== {name}\n{host.log(name)[-5000:]}\n")


def test_a_container_is_no_place_to_write_to(host: Host) -> None:
    """Else the other tests would not show that a read-only root is enough."""
    for place, expected in {"/opt/soundalike": 1, "/usr": 1, "/data": 0, "/tmp": 0}.items():
        with host.run("api", ["touch", f"{place}/file"]) as process:
            assert (process.wait() == 0) == (expected == 0), place
    with host.run(
        "api", ["sh", "-c", "test $(id -u) = 10001 && ! mount -t tmpfs none /tmp"]
    ) as shell:
        assert shell.wait() == 0


def test_music_is_ingested_answered_and_added_to_while_services_are_restarted(
    stack: Stack,
) -> None:
    run = stack.started_run({})
    stack.kill("daemon", "code")
    stack.start("code", "daemon")
    assert stack.end_of(run) == "SUCCESS"
    assert list(stack.batch_runs()) == [run], "the run was repeated"
    stack.serves(SONGS + 1)
    [track, *_] = stack.api("/v1/tracks").json()["items"]
    similar = stack.api(f"/v1/tracks/{track['id']}/similar")
    assert len(similar.json()["items"]) == SONGS
    for form in ("original", "flac"):
        assert stack.api(f"/v1/tracks/{track['id']}/audio?as={form}").is_success
    assert stack.api("/health/ready").json()["problem"] is None

    stack.kill("api")
    stack.start("api")
    stack.serves(SONGS + 1)


def long_track(folder: Path, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.1, MINUTES * 60 * 8000)
    file = folder / f"{seed}.flac"
    soundfile.write(file, samples, 8000)
    os.utime(file, (10**9, 10**9))  # what was written just now waits for the next scan


def add_track(stack: Stack, seed: int) -> None:
    long_track(stack.host.folder / "music", seed)
    until(lambda: stack.dagster.submit_job_execution("scan"), TIMEOUT_SECONDS)


def test_a_run_is_terminated_from_the_web_servers_container(stack: Stack) -> None:
    known = stack.batch_runs()
    add_track(stack, 5)
    run = stack.started_run(known)
    stack.dagster._execute(TERMINATE, {"run": run})
    assert stack.end_of(run) == "CANCELED"


def test_a_run_whose_container_died_has_failed_and_its_work_is_done_by_another(
    stack: Stack,
) -> None:
    known = stack.batch_runs()
    tracks = stack.api("/v1/index").json()["tracks"]
    add_track(stack, 6)
    run = stack.started_run(known)
    stack.kill("runs")
    stack.start("runs")
    assert stack.end_of(run) == "FAILURE"
    until(lambda: stack.api("/v1/index").json()["tracks"] > tracks, TIMEOUT_SECONDS)


def test_the_dockerfile_has_no_faults_that_its_linter_knows() -> None:
    done = subprocess.run(
        [tool("hadolint"), REPOSITORY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_docker_compose_understands_every_file_and_passes_every_setting(tmp_path: Path) -> None:
    passed = {
        name
        for service in ours().values()
        for name, value in service["environment"].items()
        if value is None
    }
    given = {name: f"value-of-{name}" for name in passed}
    services: dict[str, Any] = resolved(MUSIC=str(tmp_path), **given)["services"]
    for name in ours():
        environment = services[name]["environment"]
        assert given.items() <= environment.items()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        resolved()
    assert "set MUSIC to your music folder" in refused.value.stderr
    cuda = [tool("docker-compose"), "-f", "docker-compose.yml", "-f", "docker-compose.cuda.yml"]
    done = subprocess.run(
        [*cuda, "config", "--quiet"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "MUSIC": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
