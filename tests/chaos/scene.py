"""The running `soundalike up` that is hit: its processes, its ports, its data root."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
from dagster_graphql import DagsterGraphQLClient

from soundalike.catalog.engine import Sessions
from soundalike.process_identity import process_identity
from tests.chaos import preload
from tests.chaos.client import Client
from tests.e2e.conftest import Installation
from tests.e2e.test_up import dagster_client
from tests.patience import PATIENCE, until
from tests.ports import free_ports
from tests.postgres.hanging import postmaster_of
from tests.torture.catalog import Catalog
from tests.torture.library import Library

STOP_SECONDS = 60.0
EXECUTING = """
    select tag.value, job.run_id from dagster.runs job join dagster.run_tags tag using (run_id)
    where job.status = 'STARTED' and tag.key = 'soundalike/process' and job.pipeline_name = %s
"""


class Absent(Exception):
    """What was to be hit did not come, or has ended meanwhile."""


class Scene:
    """One `up`, which can be started more than once."""

    def __init__(self, folder: Path, disk: Path, models: Path, random: Random) -> None:
        self.folder, self.random = folder, random
        self.temporary = folder / "tmp"
        self.temporary.mkdir(mode=0o1777)
        self.library = Library(folder / "music", Random(random.random()))
        self.library.fill()
        self.data = disk / "data"
        self.data.mkdir()
        self.api, self.dagster_port = free_ports(2)
        self.preloaded: dict[str, preload.Preloaded] = {}
        if preload.can_be_compiled():
            self.preloaded = {
                "clock": preload.clock(folder),
                "disk": preload.slow_disk(folder),
            }
        self.installation = Installation.at(
            self.data,
            models,
            SOUNDALIKE_MUSIC=str(self.library.folder),
            SOUNDALIKE_PORT=str(self.api),
            SOUNDALIKE_DAGSTER_PORT=str(self.dagster_port),
            SOUNDALIKE_WORKERS="2",
            SOUNDALIKE_BATCH_TRACKS="8",
            SOUNDALIKE_WATCH="true",
            SOUNDALIKE_SCAN_CRON="* * * * *",
            OMP_NUM_THREADS="1",
            TMPDIR=str(self.temporary),
            **preload.environment(list(self.preloaded.values())),
        )
        self.log = folder / "log"
        self.catalog: Catalog
        self.sessions: Sessions
        self.client: Client
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start `up`, as a person does."""
        with self.log.open("a") as output:
            self._process = self.installation.start("up", stdout=output)

    def stop(self) -> None:
        """End it, as `kill` does; what it has started ends with it."""
        if self._process:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL for `up` itself."""
        assert self._process
        self._process.kill()
        self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether `up` has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def get(self, path: str, **params: Any) -> Any:
        """What the API answers; None if it does not, or not with 200."""
        try:
            answer = httpx.get(
                f"http://127.0.0.1:{self.api}{path}", params=params, timeout=PATIENCE
            )
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    def dagster(self) -> DagsterGraphQLClient:
        """A client of Dagster's web server. Raises Absent if it does not answer."""
        if client := dagster_client(self.dagster_port):
            return client
        raise Absent("Dagster's web server does not answer")

    def processes(self) -> list[psutil.Process]:
        """`up` and all that it has started, but for PostgreSQL, which is nobody's child."""
        assert self._process
        up = psutil.Process(self._process.pid)
        return [up, *up.children(recursive=True)]

    def service(self, *words: str) -> psutil.Process:
        """The process of a service, which leads a session. Raises Absent."""
        for process in self.processes():
            if has_words(process, words) and os.getsid(process.pid) == process.pid:
                return process
        raise Absent(f"no process of {words}")

    def child(self, parent: psutil.Process, *words: str) -> psutil.Process:
        """One of the children of a process whose command has these words. Raises Absent."""
        found = [each for each in parent.children(recursive=True) if has_words(each, words)]
        if not found:
            raise Absent(f"no process of {words}")
        return self.random.choice(found)

    def postmaster(self) -> psutil.Process:
        """The first process of PostgreSQL. Raises Absent."""
        try:
            return postmaster_of(self.data)
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess) as error:
            raise Absent("no PostgreSQL runs") from error

    def run_worker(self, job: str, seconds: float) -> tuple[psutil.Process, str]:
        """The process of a run of the job, and the run, as soon as one executes. Raises Absent."""
        return self.soon(lambda: self._run_worker(job), seconds, f"no run of {job}")

    def soon(self, look: Callable[[], Any], seconds: float, otherwise: str) -> Any:
        """What `look` answers as soon as it is something. Raises Absent."""
        try:
            return until(look, seconds)
        except AssertionError as error:
            raise Absent(f"{otherwise} in {seconds:.0f} s") from error

    def _run_worker(self, job: str) -> tuple[psutil.Process, str] | None:
        for tag, run in self.catalog.ask(EXECUTING, job) or []:
            identity = tag.partition("@")[0]
            pid = int(identity.partition("/")[0])
            if process_identity(pid) == identity:
                return psutil.Process(pid), run
        return None

    def pause(self, seconds: float) -> None:
        """Let that time pass."""
        time.sleep(seconds)


def has_words(process: psutil.Process, words: tuple[str, ...]) -> bool:
    """Whether a process's command has all these words, or parts of it do."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return all(word in command for word in words)
