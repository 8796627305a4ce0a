"""Reading log files: their last lines in order of time, and what is added to them."""

import os
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from soundalike.supervisor.log_lines import LogLine, read_line

POLL_SECONDS = 0.5
TAIL_BYTES = 1_000_000  # where last lines are looked for
EARLIEST = datetime.min.replace(tzinfo=UTC)


def last_lines(paths: Sequence[Path], count: int) -> list[LogLine]:
    """Return the last `count` lines of the files, by time; a line without one follows its own."""
    timed: list[tuple[datetime, LogLine]] = []
    for path in paths:
        at = EARLIEST
        for line in _tail(path)[-count:]:
            at = line.at or at
            timed.append((at, line))
    timed.sort(key=lambda pair: pair[0])
    return [line for _, line in timed[-count:]] if count else []


def added_lines(paths: Sequence[Path]) -> Generator[LogLine, None, None]:
    """Yield the lines that are added from this call on, without end.

    A file may appear later, or be replaced by another of its name.
    """
    files = [_Followed(path) for path in paths]
    return _forever(files)


def _forever(files: Sequence["_Followed"]) -> Generator[LogLine, None, None]:
    try:
        while True:
            for file in files:
                yield from file.new_lines()
            time.sleep(POLL_SECONDS)
    finally:
        for file in files:
            file.close()


class _Followed:
    """A log file of which the lines up to now are not wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = ""  # of a line that is not ended yet
        self._file = _open(path)
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def new_lines(self) -> list[LogLine]:
        """Return the lines since the last call, of the next file too if this one was replaced."""
        *ended, self._begun = (self._begun + (self._file.read() if self._file else "")).split("\n")
        if self._was_replaced():
            self.close()
            self._file = _open(self._path)
        return [read_line(line) for line in ended]

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()

    def _was_replaced(self) -> bool:
        try:
            now = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != now


def _tail(path: Path) -> list[LogLine]:
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return [read_line(line) for line in file.read().decode(errors="replace").splitlines()]


def _open(path: Path) -> IO[str] | None:
    try:
        return path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
