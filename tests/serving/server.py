"""The service as real processes on a free port, with workers."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from soundalike.settings import Settings
from tests.patience import PATIENCE
from tests.ports import free_ports

from .service import eventually

GUNICORN = [
    *(sys.executable, "-P", "-m", "gunicorn", "serving.app:create_app()"),
    *("-k", "serving.gunicorn_worker.BoundedWorker", "--graceful-timeout", "5"),
]


@asynccontextmanager
async def server(
    settings: Settings, log: Path, workers: int = 1, *, gunicorn: bool = False
) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """The server's process and its URL, once it answers; its log is in `log`."""
    process, port = start(settings, log, workers, gunicorn=gunicorn)
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _alive(process, url, log))
        yield process, url
    finally:
        process.terminate()
        process.wait()


def start(
    settings: Settings, log: Path, workers: int = 1, *, gunicorn: bool = False, port: int = 0
) -> tuple[subprocess.Popen[bytes], int]:
    """The server's process, and its port: a free one, unless one is named."""
    if not port:
        [port] = free_ports(1)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"},
        "DATABASE_URL": str(settings.database_url),
        "ENVIRONMENT": "production",
        "SOUNDALIKE_DATA": str(settings.data),
        "SOUNDALIKE_PORT": str(port),
        "SOUNDALIKE_WORKERS": str(workers),
        "SOUNDALIKE_TRUSTED_PROXIES": ",".join(settings.trusted_proxies) or ",",
    }
    if settings.api_key:
        environment["SOUNDALIKE_API_KEY"] = settings.api_key.get_secret_value()
    if gunicorn:
        command = [*GUNICORN, "-b", f"127.0.0.1:{port}", "-w", str(workers)]
    else:
        command = [sys.executable, "-P", "-m", "serving"]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output), port


async def _alive(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
            return (await api.get("/health/live")).status_code == 200
    except httpx.TransportError:
        return False


def workers_of(pid: int) -> set[int]:
    """The server's worker processes; multiprocessing has one of its own beside them."""
    found = set()
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # a zombie too
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


@contextmanager
def answering_alone(worker: int, server: int) -> Iterator[None]:
    """Only that worker accepts connections: the others, and who would replace them, are stopped."""
    others = [psutil.Process(pid) for pid in workers_of(server) - {worker}]
    assert others, "there is no other worker"
    stopped = [psutil.Process(server), *others]
    try:
        for process in stopped:
            process.suspend()
        yield
    finally:
        for process in reversed(stopped):
            process.resume()


async def both_workers(server: int) -> set[int]:
    """The two workers, once they are there."""

    async def look() -> set[int]:
        workers = workers_of(server)
        return workers if len(workers) == 2 else set()

    return await eventually(look)
