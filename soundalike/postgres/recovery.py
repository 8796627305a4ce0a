"""Waiting for a PostgreSQL that recovers: after the crash of one of its processes it does so alone.

That takes a second, or minutes after much writing. To shut it down meanwhile would take longer.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from soundalike.postgres.location import CLUSTER

LOG = "server.log"
POLL_SECONDS = 0.1
STATUS_LINE = 7  # of postmaster.pid, counted from 0; the second one is a path of the user's

log = structlog.get_logger()


def await_recovery(home: Path, rejects: Callable[[], bool], most_seconds: float) -> None:
    """Wait while the server in `home` lives and rejects connections, unless it is shutting down.

    While it recovers it logs its progress every ten seconds. Gives up on one that logs none for
    `most_seconds`.
    """
    read, since = _size(home / LOG), time.monotonic()
    while rejects() and not is_stopping(home):
        size = _size(home / LOG)
        if _tells_progress(home / LOG, read, size):
            since = time.monotonic()
        if time.monotonic() > since + most_seconds:
            log.warning("postgres.hangs", folder=str(home), seconds=most_seconds)
            break
        read = size
        time.sleep(POLL_SECONDS)


def is_stopping(home: Path) -> bool:
    """Return whether the server has written in its pid file that it shuts down."""
    with suppress(FileNotFoundError, IndexError):
        lines = (home / CLUSTER / "postmaster.pid").read_text().splitlines()
        return lines[STATUS_LINE].strip() == "stopping"
    return False


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _tells_progress(path: Path, start: int, end: int) -> bool:
    """Return whether these bytes of a log have a line that is no refusal, as of our own pings."""
    if start == end:
        return False
    with path.open("rb") as file:
        file.seek(start)
        return any(b"FATAL" not in line for line in file.read(end - start).splitlines())
