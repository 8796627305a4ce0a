"""The control groups (version 2) that this process is in: what a container is limited by."""

from collections.abc import Iterator
from pathlib import Path

OWN = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")


def control_groups(own: Path = OWN, mounted: Path = MOUNTED) -> Iterator[Path]:
    """Yield the folder of each group, the innermost first; none where there are no groups."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    path = next((line[3:] for line in lines if line.startswith("0::")), None)
    if path is None:
        return
    inner = mounted / path.lstrip("/")
    yield from (group for group in (inner, *inner.parents) if group.is_relative_to(mounted))
