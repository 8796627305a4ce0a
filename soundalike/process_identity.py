"""Identities of processes: a number together with a start, as numbers are given out again."""

import sys
from pathlib import Path

import psutil

START_FIELD = (
    19  # of /proc/PID/stat, after the name in parentheses: ticks since the machine started
)


def process_identity(pid: int) -> str | None:
    """Return what no later process with this number has, or None if there is no such process.

    It stays the same while the machine's clock is set. A process that ended but was not waited for
    counts as ended.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{pid}/{_start(process)}"
    except (psutil.Error, OSError):
        return None


def _start(process: psutil.Process) -> str:
    if sys.platform == "linux":
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return fields[START_FIELD]
    return f"{process.create_time():.2f}"
