"""A PostgreSQL that hangs: all its processes are stopped, as by a debugger or a frozen disk."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def postmaster_of(data: Path) -> psutil.Process:
    """The first process of the private server in this data root."""
    pid_file = data / "postgres" / "cluster" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().split()[0]))


@contextmanager
def hanging(postmaster: psutil.Process) -> Iterator[None]:
    """Stop all of the server's processes, and let them go on."""
    stopped = [postmaster, *postmaster.children(recursive=True)]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)
