"""A real instance on the demo music, for what looks at the Dagster UI. Standard library only."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WAIT_SECONDS = 600
PARTITIONS = """query { assetNodeOrError(assetKey: {path: ["embeddings"]}) {
  ... on AssetNode { partitionKeys } } }"""


class InstanceError(Exception):
    """The instance does not do what it should; the message says what."""


@contextmanager
def serving(command: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Ingest the demo music and a file that is none; yield the addresses of the UI and the page."""
    find = "import immich_memories_music as demo; print(demo.tracks_dir())"
    python = command.with_name("python")
    demo = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True)
    music = Path(shutil.copytree(demo.stdout.strip(), folder / "music"))
    (music / "calm" / "liner notes.mp3").write_text("words " * 100)
    api, port = free_ports()
    environment = {
        **os.environ,
        "SOUNDALIKE_DATA": str(folder / "data"),
        "SOUNDALIKE_MUSIC": str(music),
        "SOUNDALIKE_MODEL": "musicnn-msd",
        "SOUNDALIKE_MODELS": str(ROOT / ".cache" / "models"),
        "SOUNDALIKE_BATCH_TRACKS": "8",
        "SOUNDALIKE_WORKERS": "1",
        "SOUNDALIKE_PORT": str(api),
        "SOUNDALIKE_DAGSTER_PORT": str(port),
    }
    if subprocess.run([command, "ingest"], env=environment, check=False).returncode:
        raise InstanceError("the demo music was not ingested; the reason is above")
    log = folder / "log"
    with log.open("w") as output:
        up = subprocess.Popen([command, "up"], env=environment, stdout=output, stderr=output)
    ui = f"http://127.0.0.1:{port}"
    try:
        until(lambda: up.poll() is not None or answers(ui), "Dagster's web server does not answer")
        if up.poll() is not None:
            raise InstanceError(f"`soundalike up` ended by itself:\n{log.read_text()}")
        yield ui, f"http://127.0.0.1:{api}/"
    finally:
        up.send_signal(signal.SIGINT)
        up.wait()


def ask(ui: str, query: str, **variables: object) -> dict[str, Any]:
    """Return what Dagster's GraphQL answers. Raises InstanceError for errors."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{ui}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    if "errors" in answer:
        raise InstanceError(f"Dagster refused {query!r}: {answer['errors']}")
    found: dict[str, Any] = answer["data"]
    return found


def answers(ui: str) -> bool:
    """Return whether the web server has loaded the pipeline."""
    try:
        return bool(ask(ui, PARTITIONS)["assetNodeOrError"].get("partitionKeys"))
    except (OSError, InstanceError):
        return False


def until(condition: Callable[[], bool], problem: str) -> None:
    """Wait until a condition holds. Raises InstanceError after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise InstanceError(f"{problem} within {WAIT_SECONDS} s")
        time.sleep(1)


def free_ports() -> tuple[int, int]:
    """Return two ports that nothing listened on a moment ago."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]
