"""A child process of `soundalike up`, in a session of its own, with all that it starts."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil

from soundalike.environment import PROJECT
from soundalike.supervisor.log_files import LogFiles
from soundalike.supervisor.services import Service


class Child:
    """A running service. Ctrl-C in the terminal does not reach it: it is passed on, in order."""

    def __init__(
        self, service: Service, environment: dict[str, str], logs: LogFiles | None
    ) -> None:
        """Start it. Its output goes to `logs`, or else to our standard error."""
        self.service = service
        self._had_children = False
        self._process = subprocess.Popen(
            service.command,
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if logs else sys.stderr.fileno(),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if logs and self._process.stdout:
            logs.copy(self._process.stdout, service.log)

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def problem(self) -> str | None:
        """Return how it ended, or None while it works.

        A code server that lost its child, the process that loaded the code, does not work.
        """
        if self.exit_code is not None:
            return f"ended unexpectedly (exit code {self.exit_code})"
        if self.service.needs_child:
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
        """Kill the process and what is left of its session."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.Error:
            return []
