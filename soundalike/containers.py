"""The control groups that this process is in: what a container is limited by.

Both versions of the kernel's interface are read, as version 1 is what older NAS systems have.
"""

from collections.abc import Iterator
from pathlib import Path

OWN = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")


def control_groups(controller: str, own: Path = OWN, mounted: Path = MOUNTED) -> Iterator[Path]:
    """Yield the folder of each group, the innermost first; none where there are no groups.

    Version 1 has a tree a controller ("cpu", "memory"), version 2 one for all. Inside a container,
    the path that the kernel tells is often its host's: only what is mounted is there to be read.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root = mounted
        elif controller in controllers.split(","):
            root = mounted / controller
        else:
            continue
        inner = root / path.lstrip("/")
        yield from (group for group in (inner, *inner.parents) if group.is_relative_to(root))
