"""Memory that this process may still take, so that what does not fit is refused with its needs.

Without that, the system kills the process without a word, or a library fails within itself.
"""

import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import psutil

from soundalike.containers import control_groups
from soundalike.errors import LowMemory

# What libraries map beyond the memory that they use: 0.6 GB measured with torch.
MAPPED_BYTES = 700_000_000

# A control group's limit, its use, and the part of that that is cache, in version 2 and 1.
GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class MemoryLeft:
    """Bytes that may still be taken, and what bounds them, as part of a sentence."""

    size: int
    bound: str


def memory_left() -> MemoryLeft:
    """Return the tightest of the bounds: machine, container, and the process's own limits."""
    return min(_bounds(), key=lambda left: left.size)


def require_memory(needed: int, what: str, advice: str) -> None:
    """Require that so many bytes can be taken. Raises LowMemory, which says how many are free."""
    left = memory_left()
    if left.size < needed:
        raise LowMemory(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, and {left.bound} leaves "
            f"{max(left.size, 0) / 1e9:.1f} GB.\n{advice}"
        )


def _bounds() -> Iterator[MemoryLeft]:
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    yield MemoryLeft(free, "this machine")
    yield from _of_containers(control_groups("memory"))
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        used = psutil.Process().memory_info().vms
        yield MemoryLeft(limit - used - MAPPED_BYTES, "the limit of address space (ulimit -v)")


def _of_containers(groups: Iterable[Path]) -> Iterator[MemoryLeft]:
    """Yield what each of the control groups leaves."""
    for group, (limit, used, cache) in product(groups, GROUP_FILES):
        try:
            bound = int((group / limit).read_text())  # "max" is none
            taken = int((group / used).read_text()) - _field(group / "memory.stat", cache)
        except (OSError, ValueError):
            continue
        yield MemoryLeft(bound - taken, "the container's limit (cgroup)")


def _field(file: Path, name: str) -> int:
    fields = dict(line.split() for line in file.read_text().splitlines())
    return int(fields.get(name, 0))
