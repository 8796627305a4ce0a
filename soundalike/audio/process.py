"""One decoding process as its parent sees it: start, ask, listen, kill."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

from soundalike.audio.replies import MAX_REPLY_BYTES, Heartbeat, Reply, Started, parse
from soundalike.errors import SoundalikeError

START_SECONDS = 120  # it takes a third of one; this is for machines that stand still
GONE_SECONDS = 5
MAX_STDERR_BYTES = 2000  # bytes kept of what it wrote to stderr
INHERITED_VARIABLES = frozenset(
    ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
)
PREFIXES = ("LC_", "PYTHON", "DYLD_", "COVERAGE_")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # more only reserve memory


class DecoderUnavailable(SoundalikeError):
    """Decoding processes cannot be started: the installation or the machine is at fault."""


class Broken(Exception):
    """The process is not to be used any more; `str(error)` says why."""


class Died(Broken):
    """It ended, or said what it never should."""


class Stalled(Broken):
    """It got no further with its file for too long."""


class Bloated(Broken):
    """It reached its limit of memory."""


class DecodingProcess:
    """A running child. Not for two threads at once; `kill` may come from any."""

    def __init__(self, module: str) -> None:
        """Raises DecoderUnavailable if it does not come up."""
        self.jobs = 0
        self._buffer = self._words = b""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=_environment(),
                start_new_session=True,  # Ctrl-C at the terminal is for the parent to act upon
            )
        except OSError as error:
            raise DecoderUnavailable(f"a decoding process cannot be started ({error})") from error
        self._selector = selectors.DefaultSelector()
        self._selector.register(_pipe(self._process.stdout), selectors.EVENT_READ)
        self._selector.register(_pipe(self._process.stderr), selectors.EVENT_READ)
        self._expect_ready()

    def ask(self, job: dict[str, str], stall_seconds: float) -> Reply:
        """Have it do a job and wait for the answer. Raises Broken."""
        self.jobs += 1
        try:
            _pipe(self._process.stdin).write(json.dumps(job).encode() + b"\n")
        except OSError as error:
            raise Died(self._end()) from error
        while isinstance(reply := self._listen(stall_seconds), Heartbeat):
            pass
        return reply

    def kill(self) -> None:
        """End it at once, and wait until it is gone. Its last words stay readable."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, on a share that is gone
            self._process.wait(timeout=GONE_SECONDS)

    def close(self) -> None:
        """Kill it and give its pipes back."""
        self.kill()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def _expect_ready(self) -> None:
        try:
            started = isinstance(self._listen(START_SECONDS), Started)
            why = "it does not follow the protocol"
        except Broken as error:
            started, why = False, str(error)
        if not started:
            self.close()
            words = self._words.decode(errors="replace").strip()
            raise DecoderUnavailable(f"a decoding process does not start ({why}): {words}")

    def _listen(self, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_REPLY_BYTES:
                raise Died("it answered without end")
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Stalled(f"no progress in {seconds:g} s")
            for key, _ in ready:
                self._take(key.fd)
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return parse(line)
        except ValueError as error:
            raise Died("it answered what is no answer") from error

    def _take(self, pipe: int) -> None:
        data = os.read(pipe, MAX_REPLY_BYTES)
        if pipe == _pipe(self._process.stderr).fileno():
            self._words = (self._words + data)[-MAX_STDERR_BYTES:]
            if not data:
                self._selector.unregister(pipe)
        elif data:
            self._buffer += data
        else:
            raise Died(self._end())

    def _end(self) -> str:
        """How it ended; one that closed its pipe and lives on is killed."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it hung up"
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"


def _environment() -> dict[str, str]:
    """What Python needs to start, and no secret: a hostile file may take the process over."""
    kept = {
        n: v for n, v in os.environ.items() if n in INHERITED_VARIABLES or n.startswith(PREFIXES)
    }
    return {**kept, **ONE_THREAD}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # for the type checker: we asked for all three
        raise ValueError("no pipe")
    return pipe
