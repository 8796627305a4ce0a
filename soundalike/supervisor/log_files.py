"""The log files of the services, below the data root: written as lines arrive, bounded in size."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Thread
from typing import IO

from soundalike.supervisor.log_lines import LogLine, read_line

MAX_BYTES = 5_000_000
KEPT_FILES = 3  # besides the one that is written to
MAX_LINE_BYTES = 65_536
CLOSE_SECONDS = 2  # for the last lines; a process that got away may have the pipe for ever
LOGS = ("api", "dagster")


class LogFiles:
    """Files that the output of processes is copied to; `on_line` is told of each line."""

    def __init__(self, folder: Path, on_line: Callable[[LogLine], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._on_line = on_line
        self._handlers = {log: _LogFile(log_file(folder, log)) for log in LOGS}
        self._threads: list[Thread] = []

    def copy(self, stream: IO[bytes], log: str) -> None:
        """Copy a stream to a log until it ends, which it does with the last process that has it."""
        thread = Thread(target=self._copy, args=(stream, self._handlers[log]), daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """Close the files, after the processes ended."""
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)
        for handler in self._handlers.values():
            with suppress(OSError):  # a full disk
                handler.close()

    def _copy(self, stream: IO[bytes], handler: logging.Handler) -> None:
        with stream:
            for line in iter(partial(stream.readline, MAX_LINE_BYTES), b""):
                text = line.decode(errors="replace").rstrip("\r\n")
                handler.handle(logging.makeLogRecord({"msg": text}))
                self._on_line(read_line(text))


class _LogFile(RotatingFileHandler):
    """A file that is set aside when it is full."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8", errors="replace"
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line, for example on a full disk: whoever wrote it must not wait for us."""


def log_file(folder: Path, log: str) -> Path:
    """Return the path of a log's newest file."""
    return folder / f"{log}.log"
