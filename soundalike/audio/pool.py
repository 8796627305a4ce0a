"""A fixed number of decoding processes for threads: started on demand, reused, replaced, closed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue

import structlog

from soundalike.audio.process import DecoderUnavailable, DecodingProcess
from soundalike.errors import AudioError

START_WAITS = (0.2, 2.0)  # seconds between the tries to start a process

log = structlog.get_logger()


class ProcessPool:
    """A pool of at most `count` processes that run `module`. Safe for any number of threads."""

    def __init__(self, count: int, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._closed = False
        self._running: set[DecodingProcess] = set()
        self._busy: set[DecodingProcess] = set()
        self.interruptions = self._started = 0
        self._slots: LifoQueue[DecodingProcess | None] = LifoQueue()  # None: one may be started
        for _ in range(count):
            self._slots.put(None)

    @contextmanager
    def borrowed(self, fresh: bool) -> Iterator[DecodingProcess]:
        """Lend this thread a process, waiting until one is free; `fresh`: one that was never used.

        The process is kept if the block succeeds, or raises an error that the process itself
        reported (AudioError, OSError). Raises DecoderUnavailable.
        """
        process, kept = self._slots.get(), False
        try:
            if process and fresh:
                self._discard(process)
                process = None
            process = process or self._start()
            self._busy.add(process)
            yield process
            kept = True
        except (AudioError, OSError):
            kept = True
            raise
        finally:
            if process:
                self._busy.discard(process)
            if process and (self._closed or not kept):
                self._discard(process)
                process = None
            self._slots.put(process)
            if self._closed:  # maybe after the check above and before the put
                self._drain()

    def prepare(self) -> None:
        """Start a process in the background, so that the first thread need not wait for it."""
        threading.Thread(target=self._prepare, daemon=True).start()

    def _prepare(self) -> None:
        with suppress(DecoderUnavailable), self.borrowed(fresh=False):  # told to who needs one
            pass

    def require_open(self) -> None:
        """Require that the pool is not closed. Raises DecoderUnavailable if it is."""
        if self._closed:
            raise DecoderUnavailable("the decoding processes were stopped")

    @property
    def processes(self) -> tuple[int, int, int]:
        """Counts of the processes that are busy, that are idle, and that were ever started."""
        running, busy = len(self._running), len(self._busy)
        return busy, max(0, running - busy), self._started

    def interrupt(self) -> None:
        """Kill the busy processes: the threads that borrowed them find them dead."""
        self.interruptions += 1
        for process in list(self._busy):
            process.kill()

    def close(self) -> None:
        """Kill every process, busy ones too: the threads that borrowed them find them dead."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.kill()
        self._drain()

    def _drain(self) -> None:
        """Close the idle processes' pipes, and wake the threads that wait for a process."""
        idle: list[DecodingProcess | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._slots.get_nowait())
        for process in filter(None, idle):
            self._discard(process)
        for _ in idle:
            self._slots.put(None)

    def _start(self) -> DecodingProcess:
        """Start a process; try again if it is killed meanwhile, or if memory was short."""
        for seconds in START_WAITS:
            self.require_open()
            try:
                return self._register(DecodingProcess(self._module))
            except DecoderUnavailable as error:
                log.info("decoder.not_started", reason=str(error), next_try_seconds=seconds)
            time.sleep(seconds)
        self.require_open()
        return self._register(DecodingProcess(self._module))

    def _register(self, process: DecodingProcess) -> DecodingProcess:
        with self._lock:
            self._running.add(process)
            self._started += 1
            closed = self._closed
        if closed:
            process.kill()
        return process

    def _discard(self, process: DecodingProcess) -> None:
        with self._lock:
            self._running.discard(process)
        process.close()
