"""The service under attack: `python -m serving` with one worker over a PostgreSQL of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from soundalike.catalog.engine import open_catalog
from soundalike.catalog.upgrade import upgrade
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.patience import PATIENCE
from tests.postgres.hanging import hanging, postmaster_of
from tests.serving.collection import Collection, numbered

TRACKS = 500
START_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """The running service: its process, port, data root and PostgreSQL."""

    process: psutil.Process
    port: int
    data: Path
    log: Path
    track: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory(self) -> int:
        """Bytes that its processes hold, the decoding ones too, which come and go."""
        held = 0
        for process in [self.process, *self._children()]:
            with suppress(psutil.NoSuchProcess):
                held += process.memory_info().rss
        return held

    def disk(self) -> int:
        """Bytes of uploads on the disk, where files and folders come and go meanwhile."""
        sizes = 0
        for folder, _, names in os.walk(self.data / "uploads"):
            for name in names:
                with suppress(FileNotFoundError):
                    sizes += Path(folder, name).stat().st_size
        return sizes

    @contextmanager
    def hanging_database(self) -> Iterator[None]:
        """Stop PostgreSQL's processes, and let them go on."""
        with hanging(postmaster_of(self.data)):
            yield

    def unexpected(self) -> list[str]:
        """The lines of its log about answers of 500 and above that do not say what to do."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]
        return [
            f"{line['path']} {line['status']}"
            for line in lines
            if line.get("event") == "request" and line["status"] >= 500 and line["status"] != 503
        ]

    def _children(self) -> list[psutil.Process]:
        return self.process.children(recursive=True)


@contextmanager
def target(folder: Path, port: int) -> Iterator[Target]:
    """Start the service over a few hundred made-up tracks."""
    settings = Settings(data=folder)
    with connected_database(settings, durable=False) as url:
        upgrade(url)
        sessions = open_catalog(url)
        collection = Collection(sessions, ArtifactStore(folder))
        track = collection.add(*numbered(TRACKS))[0]
        collection.publish()
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "SOUNDALIKE_DATA": str(folder),
            "SOUNDALIKE_PORT": str(port),
            "SOUNDALIKE_WORKERS": "1",
        }
        log = folder / "attack.log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [sys.executable, "-P", "-m", "serving"],
                env=environment,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                running = Target(psutil.Process(process.pid), port, folder, log, track)
                _await_ready(running)
                yield running
            finally:
                process.kill()
        sessions.kw["bind"].dispose()


def _await_ready(running: Target) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{running.url}/health/ready", timeout=PATIENCE).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(running.log.read_text())
