"""The supervisor: starts the services in order, keeps them running, and ends them together."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from soundalike.errors import SoundalikeError
from soundalike.supervisor.child import Child
from soundalike.supervisor.kept_service import KeptService
from soundalike.supervisor.log_files import ServiceOutput
from soundalike.supervisor.restarts import DEFAULT_POLICY, Deaths, RestartPolicy
from soundalike.supervisor.service_processes import ServiceProcesses
from soundalike.supervisor.services import Service

GRACE_SECONDS = 8  # for all services together, then what is left of them is killed
WATCH_SECONDS = 1.0
START_SECONDS = 0.2  # between two looks at whether a service has started


class Supervisor:
    """The running services; leaving the block ends them all.

    `report` is called with a sentence about each event that a person should know of, `look` about
    once a second: it returns whether services can work now. Their output goes to `output`, and
    their processes are written down in `processes`.
    """

    def __init__(
        self,
        environment: dict[str, str],
        output: ServiceOutput,
        processes: ServiceProcesses,
        report: Callable[[str], None],
        look: Callable[[], bool],
        policy: RestartPolicy = DEFAULT_POLICY,
    ) -> None:
        self._environment = environment
        self._output = output
        self._processes = processes
        self._report = report
        self._look = look
        self._policy = policy
        self._kept: list[KeptService] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        # The code server ends last, so that web server and daemon do not look for it meanwhile.
        deadline = time.monotonic() + GRACE_SECONDS
        children = [kept.child for kept in self._kept if kept.child]
        self._end([child for child in children if not child.service.loads_pipeline], deadline)
        self._end([child for child in children if child.service.loads_pipeline], deadline)

    def run(self, program: Service) -> None:
        """Run a program to its end. Raises SoundalikeError if it fails."""
        child = self._child(program)
        try:
            while not child.wait(WATCH_SECONDS):
                self._look()
            if child.exit_code:
                raise SoundalikeError(f"{program.name} cannot be read:\n{child.last_lines}")
        finally:
            child.kill()

    def start(self, services: Sequence[Service]) -> None:
        """Start the services, each when it can use those before it. Raises SoundalikeError."""
        for service in services:
            deaths = Deaths(self._policy)
            self._kept.append(KeptService(service, self._child, deaths, self._report))
            while service.socket and not _accepts(service.socket):
                self.watch(START_SECONDS)

    def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Look and wait; then start again what ended, once its time has come.

        Raises SoundalikeError if a service ended too often.
        """
        can_work = self._look()
        time.sleep(seconds)
        for kept in self._kept:
            kept.check(can_work=can_work)

    def load_pipeline_again(self) -> None:
        """Restart the code server, whose definitions are those of when it started."""
        for kept in self._kept:
            if kept.service.loads_pipeline:
                kept.restart()

    def _child(self, service: Service) -> Child:
        if service.socket:
            service.socket.unlink(missing_ok=True)  # a killed server leaves it
        child = Child(service, self._environment, self._output)
        self._processes.add(child.pid, service.name)
        return child

    def _end(self, children: list[Child], deadline: float) -> None:
        """End these together; those that run at the deadline, a monotonic time, are killed."""
        for child in children:
            child.end()
        for child in children:
            if not child.wait(deadline - time.monotonic()):
                self._report(f"{child.service.name} did not stop in time and is killed")
            child.kill()


def _accepts(path: Path) -> bool:
    """Return whether a server listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(path))
        return True
    return False
