"""Limits of a decoding process, set by itself: resources, privileges, network, life time."""

import ctypes
import math
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

# Of linux/prctl.h and linux/sched.h; `os.unshare` is there from Python 3.12 on.
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def limit_resources() -> None:
    """Forbid core dumps and new processes, bound open files and memory.

    Call it when all threads run: a new one counts as a process. The kernel does not count those
    of root. Raises OSError if the system refuses.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _lower(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":  # macOS defines the limit but does not enforce it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + EXTRA_MEMORY_BYTES)


def limit_cpu(seconds: float) -> None:
    """End the process with SIGXCPU once it has computed for so long from now on."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (bound, hard))


def give_up_privileges() -> bool:
    """Gain no privileges by executing a file, and leave the network; return whether it is left.

    Call it before any thread starts. A user namespace lets a user do that, and hides the parent's
    environment too; root would lose access to files of others by it, and needs none.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET
    return bool(libc.unshare(flags) == 0)


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
