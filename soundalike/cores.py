"""The cores that this process may use, which are fewer than the machine's in most containers."""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from soundalike.containers import control_groups


def available_cores() -> int:
    """Return how many threads can compute at a time: by affinity, and by the container's quota.

    A quota of one and a half cores counts as two: a second thread uses the half.
    """
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(mine or 1, *_quotas(control_groups())))


def _quotas(groups: Iterable[Path]) -> Iterator[int]:
    """Yield the cores that each group leaves; one at least, so that there is a smallest."""
    yield os.cpu_count() or 1
    for group in groups:
        try:
            quota, period = (group / "cpu.max").read_text().split()
            yield math.ceil(int(quota) / int(period))
        except (OSError, ValueError):  # "max" is none
            continue
