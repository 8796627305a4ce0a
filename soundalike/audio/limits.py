"""Limits of a decoding process, set by itself: its resources, and its end with its parent."""

import os
import resource
import sys
import threading
import time
from pathlib import Path

# Beyond the 210 MiB of address space that the process holds once its libraries are loaded. Decoding
# 20 s of any usual format added 1 to 17 MiB (the most for eight channels at 192 kHz). The rest is
# for pictures of tens of MiB among the tags, which are copied a few times, and for codecs that
# were not measured. A file that needs more than this is not music.
EXTRA_MEMORY_BYTES = 2**30
MAX_OPEN_FILES = 64  # it needs about ten
WATCH_SECONDS = 0.5


def limit_resources() -> None:
    """Forbid core dumps, bound open files and memory. Raises OSError if the system refuses."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    if sys.platform == "linux":  # macOS defines the limit but does not enforce it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + EXTRA_MEMORY_BYTES)


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (bound, bound))


def end_with_parent() -> None:
    """Make this process end soon after its parent, however that ends, whatever this one does."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
