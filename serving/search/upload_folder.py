"""The folder of uploads: a subfolder for each process, swept when its process is gone."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import structlog

from serving.errors import RETRY_LATER, Problem
from serving.limits import MAX_UPLOAD_BYTES
from soundalike.storage.disk_space import MIN_FREE_BYTES
from soundalike.storage.locks import exclusive, open_lock, try_exclusive

log = structlog.get_logger()

PREFIX = "process-"
LOCK = "lock"


class UploadFolder:
    """The process's own subfolder of `parent`, made when it is first needed.

    The process holds a lock on it, which the kernel frees however the process ends: so another
    process knows what a killed one left, and removes that, and nothing else.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._own: Path | None = None
        self._lock = -1

    def sweep(self) -> None:
        """Remove what killed processes left."""
        if not self._parent.is_dir():
            return
        with suppress(OSError), exclusive(self._parent / LOCK):
            for folder in self._parent.glob(f"{PREFIX}*"):
                _remove_orphaned(folder)

    def close(self) -> None:
        """Remove the process's subfolder."""
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None

    @contextmanager
    def upload(self, places: int) -> Iterator[Path]:
        """Make a folder for one upload; with its block, all in it is gone.

        Raises Problem: 503 without room for as many uploads of the largest size as `places`.
        """
        with room_required():
            own = self._opened()
            free = shutil.disk_usage(own).free
            if free < MIN_FREE_BYTES + places * MAX_UPLOAD_BYTES:
                raise no_room()
            folder = TemporaryDirectory(dir=own)
        with folder as name:
            yield Path(name)

    def _opened(self) -> Path:
        if self._own is None:
            self._parent.mkdir(parents=True, exist_ok=True)
            with exclusive(self._parent / LOCK):  # until it is locked it looks orphaned
                own = Path(mkdtemp(prefix=PREFIX, dir=self._parent))
                self._lock = open_lock(own / LOCK)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._own = own
        return self._own


def no_room() -> Problem:
    """Return the answer where an upload cannot be stored."""
    detail = (
        "the server has no room for uploads now; try again later, or tell who runs it: the folder "
        "of SOUNDALIKE_UPLOADS is full or cannot be written"
    )
    return Problem(503, "no-room", detail, RETRY_LATER)


@contextmanager
def room_required() -> Iterator[None]:
    """Answer a failure of the system's to write, in the block, with 503 `no-room`."""
    try:
        yield
    except OSError as error:
        log.warning("upload.no_room", reason=str(error))
        raise no_room() from error


def _remove_orphaned(folder: Path) -> None:
    """Remove the subfolder of a process that does not run any more."""
    with suppress(OSError):
        lock = open_lock(folder / LOCK)
        try:
            if try_exclusive(lock):
                log.info("upload.swept", folder=folder.name)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
