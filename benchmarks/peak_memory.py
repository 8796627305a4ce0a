"""The most memory at a time while a block lasts, whatever counts it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Peak:
    """The largest of the bytes that `read` returns, which is asked all the time."""

    def __init__(self, read: Callable[[], int], every_seconds: float) -> None:
        self._read, self._every_seconds = read, every_seconds

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self.before = self.size = self._read()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(self._every_seconds):
            self.size = max(self.size, self._read())
