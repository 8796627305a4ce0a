"""What an `up` that was killed left must not hold the ports; nobody else's process may be ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from soundalike.errors import LibraryError
from soundalike.process_identity import process_identity
from soundalike.supervisor import service_processes
from soundalike.supervisor.service_processes import ServiceProcesses
from tests.patience import until

# It leaves a process of its own that ignores SIGTERM, as a hanging worker would be.
WITH_A_DEAF_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, signal.SIG_DFL)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@contextmanager
def session(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process in a session of its own, and the pid of its child."""
    written = folder / "child"
    with subprocess.Popen(
        [sys.executable, "-c", WITH_A_DEAF_CHILD, written], start_new_session=True
    ) as process:
        child = until(lambda: written.exists() and int(written.read_text() or 0))
        try:
            yield process, child
        finally:
            for pid in (process.pid, child):
                if process_identity(pid):
                    psutil.Process(pid).kill()


def former(path: Path, *lines: str) -> list[str]:
    """What the next `up` tells when its list has these lines."""
    told: list[str] = []
    path.write_text("".join(f"{line}\n" for line in lines))
    with ServiceProcesses(path) as processes:
        processes.end_former(told.append)
    return told


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_processes, "END_SECONDS", 0.5)


@pytest.mark.parametrize("leader_lives", [True, False])
def test_what_was_left_is_ended_with_all_that_it_started(
    tmp_path: Path, leader_lives: bool
) -> None:
    with session(tmp_path) as (process, child):
        identity = process_identity(process.pid)
        if not leader_lives:
            process.kill()
            process.wait()
        told = former(tmp_path / "services", f"{identity} the API")
        process.wait(timeout=60)
        assert process_identity(child) is None
    assert told == ["an earlier `soundalike up` was killed; what it left is ended: the API"]
    assert (tmp_path / "services").read_text() == ""


@pytest.mark.parametrize("line", ["{pid}/1 the API", "None the API", "{pid}", ""])
def test_a_process_that_got_the_number_later_is_left_alone(tmp_path: Path, line: str) -> None:
    with session(tmp_path) as (process, child):
        assert former(tmp_path / "services", line.format(pid=process.pid)) == []
        assert process.poll() is None
        assert process_identity(child)


def test_the_services_of_a_running_one_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "services"
    with (
        ServiceProcesses(path) as processes,
        session(tmp_path) as (process, _),
    ):
        processes.add(process.pid, "the API")
        with pytest.raises(LibraryError, match="another `soundalike up` is running"):
            former_of(path)
        assert process.poll() is None


def former_of(path: Path) -> None:
    with ServiceProcesses(path) as second:
        second.end_former(print)
