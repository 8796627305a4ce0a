"""The cores that this process may use, which are fewer than the machine's in most containers."""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from soundalike.containers import control_groups
from soundalike.errors import SettingsError

CORES = "SOUNDALIKE_CORES"  # a process's share of its machine, where others have the rest


def available_cores() -> int:
    """Return how many threads can compute at a time: by affinity, and by the container's quota.

    A quota of one and a half cores counts as two: a second thread uses the half. Where
    SOUNDALIKE_CORES says how many, that is the answer. Raises SettingsError if it is no number.
    """
    if share := os.environ.get(CORES):
        if not share.isdecimal() or int(share) == 0:
            raise SettingsError(f"{CORES}={share}: must be a number of cores, 1 or more")
        return int(share)
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(mine or 1, *_quotas(control_groups("cpu"))))


def _quotas(groups: Iterable[Path]) -> Iterator[int]:
    """Yield the cores that each group leaves; one at least, so that there is a smallest."""
    yield os.cpu_count() or 1
    for group in groups:
        for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                words = " ".join((group / name).read_text() for name in files).split()
                quota, period = map(int, words)  # "max" is none, and so is -1
            except (OSError, ValueError):
                continue
            if quota > 0:
                yield math.ceil(quota / period)
