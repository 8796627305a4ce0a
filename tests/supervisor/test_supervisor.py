"""A service that dies must come back while the others go on; one that cannot must be told of."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soundalike.errors import SoundalikeError
from soundalike.process_identity import process_identity
from soundalike.supervisor import supervisor as module
from soundalike.supervisor.log_files import ServiceOutput
from soundalike.supervisor.restarts import RestartPolicy
from soundalike.supervisor.service_processes import ServiceProcesses
from soundalike.supervisor.services import Service
from soundalike.supervisor.supervisor import Supervisor
from tests.patience import until

QUICK = RestartPolicy(delays=(0.0,), max_deaths=3)
LIVES = (
    "open({!r}, 'a').write(f'{{__import__(\"os\").getpid()}}\\n'); __import__('time').sleep(600)"
)
DIES = "print('out of luck'); raise SystemExit(7)"
SUPERVISES = """
import sys
from pathlib import Path
from soundalike.supervisor.log_files import ServiceOutput
from soundalike.supervisor.service_processes import ServiceProcesses
from soundalike.supervisor.services import Service
from soundalike.supervisor.supervisor import Supervisor
with ServiceProcesses(Path(sys.argv[1])) as processes:
    with Supervisor({}, ServiceOutput(), processes, print, lambda: True) as supervisor:
        supervisor.start([Service("a sleeper", "api", [sys.executable, "-c", sys.argv[2]])])
        while True:
            supervisor.watch()
"""


@pytest.fixture(autouse=True)
def watched_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.02)


@contextmanager
def supervising(
    folder: Path, told: list[str], look: Callable[[], bool] = lambda: True
) -> Iterator[Supervisor]:
    environment = dict(os.environ)
    with (
        ServiceProcesses(folder / "services") as processes,
        Supervisor(environment, ServiceOutput(), processes, told.append, look, QUICK) as supervisor,
    ):
        yield supervisor


def service(name: str, code: str) -> Service:
    return Service(name, "api", [sys.executable, "-c", code])


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def watch_until(supervisor: Supervisor, look: Callable[[], bool]) -> None:
    until(lambda: supervisor.watch() or look())  # type: ignore[func-returns-value]


def test_one_that_is_killed_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[str] = []
    first, second = tmp_path / "first", tmp_path / "second"
    with supervising(tmp_path, told) as supervisor:
        supervisor.start(
            [
                service("the first", LIVES.format(str(first))),
                service("the second", LIVES.format(str(second))),
            ]
        )
        watch_until(supervisor, lambda: len(pids(first)) == len(pids(second)) == 1)
        os.kill(pids(first)[0], signal.SIGKILL)
        watch_until(supervisor, lambda: len(pids(first)) == 2)
        assert [process_identity(pid) is None for pid in pids(first)] == [True, False]
        assert process_identity(pids(second)[0])
    assert told == ["the first ended unexpectedly (SIGKILL); it is started again in 0 s"]
    assert [process_identity(pid) for pid in pids(first) + pids(second)] == [None] * 3


def test_one_that_dies_again_and_again_is_named_with_its_last_lines(tmp_path: Path) -> None:
    told: list[str] = []
    lives = tmp_path / "lives"
    with (
        pytest.raises(SoundalikeError, match="the hopeless") as error,
        supervising(tmp_path, told) as supervisor,
    ):
        supervisor.start([service("the living", LIVES.format(str(lives)))])
        watch_until(supervisor, lambda: len(pids(lives)) == 1)
        supervisor.start([service("the hopeless", DIES)])
        watch_until(supervisor, lambda: False)
    assert "exit code 7): 3 times in 10 minutes" in str(error.value)
    assert "  out of luck" in str(error.value)
    assert len(told) == 2
    assert [process_identity(pid) for pid in pids(lives)] == [None]


def test_no_death_counts_and_none_is_started_while_the_database_is_away(tmp_path: Path) -> None:
    told: list[str] = []
    path, answers = tmp_path / "pids", [True]
    with supervising(tmp_path, told, lambda: answers[0]) as supervisor:
        supervisor.start([service("the API", LIVES.format(str(path)))])
        watch_until(supervisor, lambda: len(pids(path)) == 1)
        for round_ in range(1, 2 * QUICK.max_deaths):
            answers[0] = False
            os.kill(pids(path)[-1], signal.SIGKILL)
            watch_until(supervisor, lambda: len(told) == round_)  # noqa: B023 - used at once
            for _ in range(3):
                supervisor.watch()
            assert len(pids(path)) == round_
            answers[0] = True
            watch_until(supervisor, lambda: len(pids(path)) == round_ + 1)  # noqa: B023 - as above
    assert all("when the database answers" in sentence for sentence in told)


@pytest.mark.skipif(sys.platform != "linux", reason="a signal of Linux's kernel")
def test_services_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISES, tmp_path / "services", LIVES.format(str(path))],
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),  # noqa: PLW1509
    ) as process:
        [pid] = until(lambda: pids(path))
        process.kill()
    until(lambda: process_identity(pid) is None)
