"""A service that is kept is started again when that is of use, and not before."""

import os
import signal
import sys
import time
from typing import Any

import pytest

from soundalike.errors import SoundalikeError
from soundalike.supervisor.child import Child
from soundalike.supervisor.kept_service import KeptService
from soundalike.supervisor.log_files import ServiceOutput
from soundalike.supervisor.restarts import Deaths, RestartPolicy
from soundalike.supervisor.services import Service
from tests.patience import until

SLEEPER = Service("a sleeper", "api", [sys.executable, "-c", "import time; time.sleep(600)"])
AT_ONCE = RestartPolicy(delays=(0.0,), max_deaths=2)


def test_none_is_started_and_no_death_counts_while_the_database_is_away() -> None:
    told: list[str] = []
    output = ServiceOutput()
    kept = KeptService(
        SLEEPER,
        lambda service: Child(service, dict(os.environ), output),
        Deaths(AT_ONCE),
        told.append,
    )
    for _ in range(3):
        killed(kept)
        kept.check(can_work=False)
        kept.check(can_work=False)
        assert kept.child is None
        kept.check(can_work=True)
        assert kept.child is not None
    assert len(told) == 3
    assert {line.partition("; ")[2] for line in told} == {
        "it is started again when the database answers"
    }
    killed(kept)
    kept.check(can_work=True)
    killed(kept)
    with pytest.raises(SoundalikeError, match="so it is given up"):
        kept.check(can_work=True)


class LateOutput(ServiceOutput):
    """Output that is read some time after it was written, as on a busy machine."""

    def _copy(self, *copied: Any) -> None:
        time.sleep(0.3)
        super()._copy(*copied)


def test_last_lines_that_are_not_read_yet_are_waited_for() -> None:
    dying = Service("the hopeless", "api", [sys.executable, "-c", "print('out of luck')"])
    child = Child(dying, dict(os.environ), LateOutput())
    until(child.problem)
    child.kill()
    assert child.last_lines == "  out of luck"


def killed(kept: KeptService) -> None:
    """Kill its process."""
    assert kept.child
    os.kill(kept.child.pid, signal.SIGKILL)
    until(kept.child.problem)
