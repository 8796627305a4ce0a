"""A PostgreSQL that hangs: all its processes are stopped, as by a debugger or a frozen disk."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def postmaster_of(data: Path) -> psutil.Process:
    """The first process of the private server in this data root."""
    pid_file = data / "postgres" / "cluster" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().split()[0]))


@contextmanager
def hanging(postmaster: psutil.Process) -> Iterator[None]:
    """Stop all of the server's processes, and let them go on.

    Raises NoSuchProcess if the first one has ended.
    """
    stopped = [postmaster, *postmaster.children(recursive=True)]
    postmaster.suspend()
    for child in stopped[1:]:
        with suppress(psutil.NoSuchProcess):
            child.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):  # it was ended while it hung
                process.resume()
