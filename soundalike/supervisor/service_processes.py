"""The service processes of the running `up`, in a file by which the next one knows them as its own.

They end with their `up`, even if it is killed (tied.py). What is left all the same, because it
hangs or because the system has no such tie, would hold the ports: the next `up` ends it.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from soundalike.errors import LibraryError
from soundalike.process_identity import process_identity
from soundalike.storage.locks import open_lock, try_exclusive

END_SECONDS = 10.0  # a service's own time to end is 8 at most
POLL_SECONDS = 0.1


class ServiceProcesses:
    """The list of the services that run now, locked for as long as the block lasts.

    Its lines are a service's identity and name. Each service leads a session of its own.
    Raises LibraryError, on entering, if another `up` runs on the data root.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_lock(self._path)
        if not try_exclusive(self._file):
            os.close(self._file)
            raise LibraryError(
                f"another `soundalike up` is running on the data root that has {self._path}; "
                "stop it first, or set SOUNDALIKE_DATA to another folder"
            )
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def add(self, pid: int, name: str) -> None:
        """Write down a service that was started."""
        os.write(self._file, f"{process_identity(pid)} {name}\n".encode())

    def end_former(self, report: Callable[[str], None]) -> None:
        """End what is left of the services of an `up` that was killed, and empty the list."""
        left = {
            name: members
            for line in self._path.read_text(errors="replace").splitlines()
            for identity, _, name in [line.partition(" ")]
            if (members := _members(identity))
        }
        if left:
            report(
                f"an earlier `soundalike up` was killed; what it left is ended: {', '.join(left)}"
            )
        _end([member for members in left.values() for member in members])
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)


def _members(identity: str) -> list[psutil.Process]:
    """Return the living processes of the session that this one leads, or led.

    Its number is no other process's while a member of the session lives.
    """
    number = identity.partition("/")[0]
    if not number.isdecimal() or process_identity(int(number)) not in (identity, None):
        return []
    return [process for process in psutil.process_iter() if _session(process) == int(number)]


def _session(process: psutil.Process) -> int | None:
    with suppress(OSError, psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return os.getsid(process.pid)
    return None


def _end(processes: list[psutil.Process]) -> None:
    """Ask them to end; kill those that have not when time is up."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while any(map(_session, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=END_SECONDS)
