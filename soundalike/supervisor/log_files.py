"""The services' output, line by line: to files below the data root, bounded in size, or onwards."""

import logging
import os
import sys
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


class ServiceOutput:
    """The output of the services, passed on to our own standard error."""

    def __init__(self) -> None:
        self._threads: list[Thread] = []

    def copy(self, stream: IO[bytes], log: str, on_line: Callable[[str], None]) -> Thread:
        """Copy a stream to a log until it ends, which it does with the last process that has it.

        `on_line` is told of each line too. Returns the thread that does it.
        """
        thread = Thread(target=self._copy, args=(stream, log, on_line), daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def close(self) -> None:
        """Wait for the last lines, after the processes ended."""
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def write(self, _log: str, line: str) -> None:
        """Write a line. What cannot be written is lost: the service must not wait for us."""
        with suppress(OSError):
            os.write(sys.stderr.fileno(), f"{line}\n".encode(errors="replace"))

    def _copy(self, stream: IO[bytes], log: str, on_line: Callable[[str], None]) -> None:
        with stream:
            for raw in iter(partial(stream.readline, MAX_LINE_BYTES), b""):
                line = raw.decode(errors="replace").rstrip("\r\n")
                on_line(line)
                self.write(log, line)


class LogFiles(ServiceOutput):
    """Files that the services' output goes to instead; `on_event` is told of each line, parsed."""

    def __init__(self, folder: Path, on_event: Callable[[LogLine], None]) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._on_event = on_event
        self._handlers = {log: _LogFile(log_file(folder, log)) for log in LOGS}

    def close(self) -> None:
        """Close the files, after the processes ended."""
        super().close()
        for handler in self._handlers.values():
            with suppress(OSError):  # a full disk
                handler.close()

    def write(self, log: str, line: str) -> None:
        """Append a line to a log's file."""
        self._handlers[log].handle(logging.makeLogRecord({"msg": line}))
        self._on_event(read_line(line))


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
