"""A child process of `soundalike up`, in a session of its own, with all that it starts."""

import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import psutil

from soundalike.environment import PROJECT
from soundalike.supervisor.log_files import CLOSE_SECONDS, ServiceOutput
from soundalike.supervisor.services import Service

LAST_LINES = 10
MAX_LINE_CHARACTERS = 300
TIED = (sys.executable, "-I", str(Path(__file__).with_name("tied.py")))


class Child:
    """A running service. Ctrl-C in the terminal does not reach it: it is passed on, in order.

    It ends with us, even if we are killed (tied.py). Start it from the main thread.
    """

    def __init__(
        self, service: Service, environment: dict[str, str], output: ServiceOutput
    ) -> None:
        """Start it; what it prints goes to `output`."""
        self.service = service
        self._had_children = False
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process = subprocess.Popen(
            [*TIED, str(os.getpid()), *service.command],
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._copying = output.copy(
            cast("IO[bytes]", self._process.stdout), service.log, self._last_lines.append
        )

    @property
    def pid(self) -> int:
        """The number of its process and of its session."""
        return self._process.pid

    @property
    def last_lines(self) -> str:
        """The end of what it printed, indented."""
        lines = list(self._last_lines) or ["(it printed nothing)"]
        return "\n".join(f"  {line[:MAX_LINE_CHARACTERS]}" for line in lines)

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def problem(self) -> str | None:
        """Return how it ended, or None while it works.

        A code server that lost its child, the process that loaded the code, does not work.
        """
        if self.exit_code is not None:
            return f"ended unexpectedly ({_named(self.exit_code)})"
        if self.service.loads_pipeline:
            has_children = bool(self._children())
            if self._had_children and not has_children:
                return "lost the process that loads the pipeline"
            self._had_children = has_children
        return None

    def end(self) -> None:
        """Ask it to end. SIGTERM ends it silently even while it still imports its modules."""
        self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait until it ends; return whether it did."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(seconds, 0))
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill the process and what is left of its session, and wait for its last lines."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._copying.join(CLOSE_SECONDS)

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.Error:
            return []


def _named(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    with suppress(ValueError):
        return signal.Signals(-exit_code).name
    return f"signal {-exit_code}"
