"""A fixed number of decoding processes, lent to threads: started late, reused, replaced, closed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue

from soundalike.audio.process import DecoderUnavailable, DecodingProcess
from soundalike.errors import AudioError


class ProcessPool:
    """At most `count` processes that run `module`. Safe for any number of threads."""

    def __init__(self, count: int, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._closed = False
        self._running: set[DecodingProcess] = set()
        self._places: LifoQueue[DecodingProcess | None] = LifoQueue()  # None: one may be started
        for _ in range(count):
            self._places.put(None)

    @contextmanager
    def borrowed(self, fresh: bool) -> Iterator[DecodingProcess]:
        """A process for this thread alone, waiting until one is free; `fresh`: one never used.

        It is kept if the block ends well, or by an error that the process itself answered with.
        Raises DecoderUnavailable.
        """
        process, kept = self._places.get(), False
        try:
            if process and fresh:
                self._discard(process)
                process = None
            process = process or self._start()
            yield process
            kept = True
        except (AudioError, OSError):
            kept = True
            raise
        finally:
            if process and (self._closed or not kept):
                self._discard(process)
                process = None
            self._places.put(process)
            if self._closed:  # maybe between the look and the put
                self._drain()

    def refuse_closed(self) -> None:
        """Raises DecoderUnavailable after `close`."""
        if self._closed:
            raise DecoderUnavailable("the decoding processes were stopped")

    def close(self) -> None:
        """Kill every process, also those at work: who borrowed one finds it dead."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.kill()
        self._drain()

    def _drain(self) -> None:
        """Give back the idle ones' pipes, and have threads that wait for one find out."""
        ignore_progress: list[DecodingProcess | None] = []
        with suppress(Empty):
            while True:
                ignore_progress.append(self._places.get_nowait())
        for process in filter(None, ignore_progress):
            self._discard(process)
        for _ in ignore_progress:
            self._places.put(None)

    def _start(self) -> DecodingProcess:
        self.refuse_closed()
        process = DecodingProcess(self._module)
        with self._lock:
            self._running.add(process)
            late = self._closed
        if late:
            process.kill()
        return process

    def _discard(self, process: DecodingProcess) -> None:
        with self._lock:
            self._running.discard(process)
        process.close()
