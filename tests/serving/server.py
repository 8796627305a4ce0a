"""The service as real processes: uvicorn with workers on a free port."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from soundalike.settings import Settings

from .service import eventually


@asynccontextmanager
async def server(
    settings: Settings, log: Path, workers: int = 1
) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """The server's process and its URL, once it answers; its log is in `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
        "DATABASE_URL": str(settings.database_url),
        "SOUNDALIKE_DATA": str(settings.data),
    }
    command = [sys.executable, "-m", "uvicorn", "serving.app:create_app", "--factory"]
    options = ["--port", str(port), "--workers", str(workers)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _alive(process, url, log))
        yield process, url
    finally:
        process.terminate()
        process.wait()


async def _alive(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        async with httpx.AsyncClient(base_url=url) as api:
            return (await api.get("/health/live")).status_code == 200
    except httpx.TransportError:
        return False


def children(pid: int) -> set[int]:
    """The processes that this one has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in text.split()}
