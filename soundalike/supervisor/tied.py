"""Ties a program to its parent: `python tied.py PARENT PROGRAM ...`. It imports nothing of ours.

When the parent ends, however it ends, the program gets SIGTERM. The kernel of Linux does that, and
it goes by the thread that started this process: `up` starts its services from its main thread. On
other systems the next `up` ends what is left (service_processes.py).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of linux/prctl.h; it outlives exec


def main() -> None:
    """Replace this process by the program, tied to the parent, whose number is the first word."""
    parent, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # who started `up` may have it ignored
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == int(parent):  # else it ended before the line above
        os.execvp(command[0], command)  # noqa: S606 - no shell, a command of services.py


if __name__ == "__main__":
    main()
