"""A limit of time for parsers, some of which take the square of a hostile tag's length."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TagTimeout(Exception):
    """Reading tags took too long. No OSError, which parsers take for the end of the file."""


class Deadline:
    """A time until which blocks of code may run, each for at most `seconds_each`.

    Only in a process's main thread, as signals are; elsewhere there is no limit.
    """

    def __init__(self, seconds: float, seconds_each: float) -> None:
        self._end = time.monotonic() + seconds
        self._each = seconds_each

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Run the block. Raises TagTimeout in it when its time is over."""
        left = min(self._end - time.monotonic(), self._each)
        if left <= 0:
            raise TagTimeout("no time is left to read tags")
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise TagTimeout("reading tags took too long")
