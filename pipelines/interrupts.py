"""Interrupts: Ctrl-C and other requests to stop, as the operating system delivers them.

While Dagster executes a run it handles these signals itself, and forgets one that comes after the
last step. So they are counted where no handler can take them away.
"""

import signal
import socket
from types import TracebackType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Requests to stop this process: `with Interrupts() as interrupts`, in the main thread.

    A request raises KeyboardInterrupt at once, unless other code handles it; then `check` does. One
    that a parent process blocked until now is raised on entering. Signals that this process was
    started to ignore, as under nohup, stay ignored.
    """

    def __init__(self) -> None:
        self._received, self._sent = socket.socketpair()
        self._received.setblocking(False)
        self._sent.setblocking(False)

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._sent.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.default_int_handler)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        except KeyboardInterrupt:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def check(self) -> None:
        """Raise KeyboardInterrupt if a request came, whoever has handled it."""
        try:
            received = self._received.recv(1024)
        except BlockingIOError:
            return
        if set(STOPPING).intersection(received):
            raise KeyboardInterrupt

    def _close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._received.close()
        self._sent.close()
