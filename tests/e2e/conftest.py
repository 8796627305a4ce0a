"""soundalike as a person runs it: real processes on a data root of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.vectors.index.open_index import OpenIndex
from tests.patience import PATIENCE, until

COMMAND = Path(sys.executable).with_name("soundalike")


@dataclass(frozen=True)
class Installation:
    """A data root, and the environment that names it."""

    data: Path
    environment: dict[str, str]

    @classmethod
    def at(cls, data: Path, models: Path, **settings: str) -> "Installation":
        chosen = {
            "SOUNDALIKE_DATA": str(data),
            "SOUNDALIKE_MODELS": str(models),
            "SOUNDALIKE_MODEL": "musicnn-msd",
            "SOUNDALIKE_SETTLE_SECONDS": "0.2",
        }
        return cls(data, {**os.environ, **chosen, **settings})

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *map(str, words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            **{"stdout": subprocess.PIPE, **options},
        )

    def run(self, *words: str | Path, expect: int = 0) -> str:
        """The command's output, both streams; its exit code must be `expect`."""
        with self.start(*words) as process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == expect, output
        return output

    def ask(self, statement: str) -> Any:
        """One value from the catalog."""
        with connected_database(Settings(data=self.data)) as url:
            engine = create_engine(url)
            with engine.connect() as connection:
                value = connection.execute(text(statement)).scalar()
            engine.dispose()
        return value

    def do(self, *statements: str) -> None:
        """Change the catalog, in one transaction."""
        with connected_database(Settings(data=self.data)) as url:
            engine = create_engine(url)
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
            engine.dispose()

    def published_vectors(self) -> tuple[list[str], bytes]:
        """Track ids and vectors of the served index, however its segments fell."""
        version = self.ask("select version from publications order by id desc limit 1")
        index = OpenIndex.open(self.data / "indexes" / version)
        return list(index.track_ids), index.exact.vectors().tobytes()


@contextmanager
def serving(installation: Installation, port: int) -> Iterator[httpx.Client]:
    """The API as a process of its own, and a client of it."""
    command = [sys.executable, "-P", "-m", "uvicorn", "serving.app:create_app", "--factory"]
    with (
        subprocess.Popen(
            [*command, "--port", str(port)],
            env=installation.environment,
            cwd=installation.data,  # uvicorn looks for the application there first
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
    ):

        def alive() -> bool:
            assert process.poll() is None, "the API ended by itself"
            try:
                return client.get("/health/live").is_success
            except httpx.TransportError:
                return False

        try:
            until(alive)
            yield client
        finally:
            process.terminate()
