"""A service that is kept running: started again when it ends, given up when that is no use."""

from collections.abc import Callable

from soundalike.errors import SoundalikeError
from soundalike.supervisor.child import Child
from soundalike.supervisor.restarts import Deaths
from soundalike.supervisor.services import Service


class KeptService:
    """A service, its process while it has one, and its recent deaths.

    `start` starts its process; `report` is called with a sentence about each death.
    """

    def __init__(
        self,
        service: Service,
        start: Callable[[Service], Child],
        deaths: Deaths,
        report: Callable[[str], None],
    ) -> None:
        self.service = service
        self._start = start
        self._deaths = deaths
        self._report = report
        self.child: Child | None = start(service)

    def check(self, *, can_work: bool) -> None:
        """Look after the process: kill what is left of one that ended, start one that is due.

        While it could not work, as the database is away, none is started and no death counts.
        Raises SoundalikeError, with the last lines that it printed, if it died too often.
        """
        if self.child and (problem := self.child.problem()):
            self._bury(self.child, problem, counts=can_work)
        if self.child is None and can_work and self._deaths.is_restart_due:
            self.child = self._start(self.service)

    def restart(self) -> None:
        """Replace the process by a new one."""
        if self.child:
            self.child.kill()
            self.child = self._start(self.service)

    def _bury(self, child: Child, problem: str, *, counts: bool) -> None:
        child.kill()
        self.child = None
        name = self.service.name
        if not counts:
            self._report(f"{name} {problem}; it is started again when the database answers")
            return
        self._deaths.add()
        if self._deaths.too_many:
            raise SoundalikeError(
                f"{name} {problem}: {self._deaths.counted}, so it is given up, and all ends. "
                f"Its last lines were:\n{child.last_lines}"
            )
        self._report(f"{name} {problem}; it is started again in {self._deaths.delay:g} s")
