"""What a decoding process may use, and that it ends with its parent. Set in the process itself."""

import os
import resource
import sys
import threading
import time
from pathlib import Path

# Beyond the 210 MiB of address space that the process holds once its libraries are loaded. Decoding
# 20 s of any usual format added 1 to 17 MiB (the most for eight channels at 192 kHz). The rest is
# for pictures of tens of MiB among the tags, which pass through memory a few times, and for codecs
# that we have not met. What wants more than this is no music.
EXTRA_MEMORY_BYTES = 2**30
OPEN_FILES = 64  # it needs about ten
WATCH_SECONDS = 0.5


def limit_resources() -> None:
    """No core dumps, few open files, bounded memory. Raises OSError where the system refuses."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.platform == "linux":  # macOS has the limit's name, but does not keep it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + EXTRA_MEMORY_BYTES)


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


def end_with_parent() -> None:
    """End this process soon after its parent ended, however that was and whatever it is doing."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
