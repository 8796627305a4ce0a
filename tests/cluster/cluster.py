"""A Ray cluster of hosts with soundalike on it: PostgreSQL over TCP, a shared folder, a daemon."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from soundalike.postgres import connected_database
from soundalike.postgres.cluster import SUPERUSER
from soundalike.postgres.location import CLUSTER
from soundalike.postgres.server import DATABASE, private_server
from soundalike.settings import Settings
from tests.cluster.hosts import SERVER, Host
from tests.patience import until
from tests.source import REPOSITORY

URL = f"postgresql://{SUPERUSER}@{SERVER}:5432"
PROGRAMS = Path(sys.executable).parent
RAY_PORT, DASHBOARD_PORT = 6379, 8265
TOKEN = secrets.token_hex(32)
RAY = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_health_check_period_ms": "2000",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@contextmanager
def postgres(folder: Path) -> Iterator[None]:
    """A PostgreSQL at SERVER, for every host."""
    with connected_database(Settings(data=folder), durable=False):
        server = private_server(folder, durable=False)
    with (server.home / CLUSTER / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/24 trust\n")
    options = f"-k {server.socket_folder} -c listen_addresses={SERVER} -c fsync=off"
    words = ("-D", CLUSTER, "-w", "-l", "server.log", "-o", options)
    done = server.programs.run("pg_ctl", "start", *words, cwd=server.home)
    assert done.returncode == 0, done.stdout
    try:
        yield
    finally:
        server.programs.run("pg_ctl", "stop", "-D", CLUSTER, "-m", "immediate", cwd=server.home)


@dataclass(frozen=True)
class Library:
    """A library of the cluster: a database and a data root, and the environment that names them."""

    name: str
    environment: dict[str, str]

    @classmethod
    def create(cls, cluster: "Cluster", name: str, **more: str) -> "Library":
        with psycopg.connect(f"{URL}/{DATABASE}", autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[call-overload]
        (cluster.folder / name).mkdir()
        made = cls(name, {**cluster.environment(name), **more})
        made.soundalike("db", "upgrade")
        return made

    def soundalike(self, *words: str) -> str:
        """Run a command to its end, and return what it printed."""
        command = [sys.executable, "-m", "soundalike", *words]
        done = subprocess.run(
            command, check=False, env=self.environment, cwd="/", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ingest(self) -> subprocess.Popen[str]:
        """Start an ingest, which waits for runs on the cluster."""
        command = [sys.executable, "-m", "soundalike", "ingest"]
        return subprocess.Popen(
            command,
            env=self.environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, statement: str) -> Any:
        """One value of the database."""
        with psycopg.connect(f"{URL}/{self.name}", autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
            return row[0] if row else None

    def version(self) -> Any:
        """The published index."""
        return self.ask("select version from publications order by id desc limit 1")

    def repeated(self) -> int:
        """How many runs were failed, as their machine was lost; each was repeated by another."""
        failures = "select count(distinct run_id) from dagster.event_logs where "
        return int(self.ask(f"{failures} dagster_event_type = 'PIPELINE_FAILURE'"))

    def lost(self) -> int:
        """How many runs never ended."""
        unfinished = "('SUCCESS', 'FAILURE', 'CANCELED')"
        return int(self.ask(f"select count(*) from dagster.runs where status not in {unfinished}"))


@dataclass
class Cluster:
    """A head without cores of its own, workers of one core each, and their processes."""

    folder: Path
    models: Path
    head: Host
    workers: list[Host]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, library: str) -> dict[str, str]:
        """The environment of every process of a library."""
        return {
            **os.environ,
            **RAY,
            "PYTHONPATH": str(REPOSITORY),
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "DATABASE_URL": f"{URL}/{library}",
            "DAGSTER_HOME": str(REPOSITORY / "deploy" / "ray"),
            "RAY_API_SERVER_ADDRESS": f"http://{self.head.address}:{DASHBOARD_PORT}",
            "SOUNDALIKE_DATA": str(self.folder / library),
            "SOUNDALIKE_MODELS": str(self.models),
            "SOUNDALIKE_MODEL": "musicnn-msd",
            "SOUNDALIKE_BATCH_TRACKS": "4",
            "SOUNDALIKE_BATCHES_PER_RUN": "1",
            "SOUNDALIKE_SETTLE_SECONDS": "0",
            "SOUNDALIKE_MUSIC": str(self.folder / "music"),
        }

    def start(self, host: Host, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Start a program on a host, or start it again."""
        self.processes[name] = host.start(command, environment, self.folder / f"{name}.log")

    def start_ray(self, library: Library) -> None:
        """Start the head, and then the workers, one after another."""
        self.start_head(library)
        for worker in self.workers:
            self.start_worker(worker, library.environment)

    def start_head(self, library: Library) -> None:
        head = ["--head", "--num-cpus", "0", "--port", str(RAY_PORT)]
        served = ["--dashboard-host", "0.0.0.0", "--dashboard-port", str(DASHBOARD_PORT)]
        temporary = ["--temp-dir", f"{self.folder}/r"]
        command = [*_ray(self.head), *head, *served, *temporary]
        self.start(self.head, "head", command, library.environment)
        until(lambda: suppressed(self.nodes))

    def start_worker(self, host: Host, environment: dict[str, str]) -> None:
        """Start a worker, again if it ends: Ray gives up after half a minute of a busy machine."""
        joined = ["--address", f"{self.head.address}:{RAY_PORT}", "--num-cpus", "1"]
        command = [*_ray(host), *joined]
        self.start(host, host.name, command, environment)

        def is_there() -> bool:
            if self.processes[host.name].poll() is not None:
                self.start(host, host.name, command, environment)
            return host.address in (suppressed(self.nodes) or [])

        until(is_there)

    def nodes(self) -> list[str]:
        """The addresses of the nodes that Ray's head counts as living."""
        url = f"http://{self.head.address}:{DASHBOARD_PORT}/nodes?view=summary"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
        found = json.loads(urllib.request.urlopen(request, timeout=10).read())
        listed = found["data"]["summary"]
        alive = [each["raylet"] for each in listed if each["raylet"].get("state") == "ALIVE"]
        return [raylet["nodeManagerAddress"] for raylet in alive]

    def raylet(self, host: Host) -> psutil.Process:
        found = [psutil.Process(pid) for pid in host.processes()]
        [raylet] = [each for each in found if each.name() == "raylet"]
        return raylet

    def working(self, stage: str) -> Host | None:
        """A worker on which a run is at a job, by its name."""
        for host in self.workers:
            for pid in host.processes():
                with suppress(psutil.Error):
                    words = psutil.Process(pid).cmdline()
                    if "pipelines.remote_run" in words[:5] and f'"{stage}"' in words[-1]:
                        return host
        return None

    def stop(self, *names: str) -> None:
        """End these programs, or all, and all that they started."""
        for name in names or list(self.processes):
            process = self.processes.pop(name)
            for ending in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, ending)
                    process.wait(3)
        if not names:
            for host in (self.head, *self.workers):
                host.find()
                for pid in host.processes():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def _ray(host: Host) -> list[str]:
    return [
        *(str(PROGRAMS / "ray"), "start", "--block", "--node-ip-address", host.address),
        *("--object-store-memory", "80000000", "--disable-usage-stats"),
    ]


def suppressed(look: Callable[[], Any]) -> Any:
    """What `look` answers; None while nobody answers."""
    with suppress(OSError, ValueError):
        return look()
    return None


def seconds_until(look: Callable[[], Any], limit: float) -> float:
    """How long it took until `look` answered."""
    started = time.monotonic()
    until(look, limit)
    return time.monotonic() - started
