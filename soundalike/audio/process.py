"""One decoding process as its parent sees it: start it, send jobs, receive replies, kill it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

from soundalike.audio.replies import MAX_REPLY_BYTES, Heartbeat, ProcessReady, Reply, parse
from soundalike.errors import SoundalikeError

START_SECONDS = 120  # it takes a third of a second; this is for overloaded machines
EXIT_SECONDS = 5  # for a killed process to be gone
MAX_STDERR_BYTES = 2000  # bytes kept of its stderr
INHERITED_VARIABLES = frozenset(
    ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
)
PREFIXES = ("LC_", "PYTHON", "DYLD_", "COVERAGE_")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # more would only reserve memory


class DecoderUnavailable(SoundalikeError):
    """Decoding processes cannot be started: the installation or the machine is at fault."""


class Broken(Exception):
    """The process cannot be used any more; `str(error)` says why."""


class Died(Broken):
    """The process ended, or broke the protocol."""


class Stalled(Broken):
    """The process made no progress with its file for too long."""


class Bloated(Broken):
    """The process reached its limit of memory."""


class Exhausted(Broken):
    """The process reached its limit of computing."""


class DecodingProcess:
    """A running child process, for one thread at a time; any thread may `kill` it."""

    def __init__(self, module: str) -> None:
        """Start the process. Raises DecoderUnavailable if it does not start."""
        self.jobs = 0
        self.isolated = False
        self._stdout = self._stderr = b""
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
        self._wait_until_ready()

    def request(self, job: dict[str, str], stall_seconds: float) -> Reply:
        """Send a job and wait for its reply.

        Raises Died if the process ends or breaks the protocol, Stalled if neither a reply nor a
        heartbeat comes for `stall_seconds`.
        """
        self.jobs += 1
        try:
            _pipe(self._process.stdin).write(json.dumps(job).encode() + b"\n")
        except OSError as error:
            raise Died(self._exit_reason()) from error
        while isinstance(reply := self._receive(stall_seconds), Heartbeat):
            pass
        return reply

    def kill(self) -> None:
        """Kill the process and wait until it is gone. Its stderr stays readable."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, on a share that is gone
            self._process.wait(timeout=EXIT_SECONDS)

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def _wait_until_ready(self) -> None:
        try:
            reply = self._receive(START_SECONDS)
            if not isinstance(reply, ProcessReady):
                raise Died("it does not follow the protocol")
        except Broken as error:
            self.close()
            stderr = self._stderr.decode(errors="replace").strip()
            raise DecoderUnavailable(
                f"a decoding process does not start ({error}): {stderr}"
            ) from error
        self.isolated = reply.isolated

    def _receive(self, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._stdout:
            if len(self._stdout) > MAX_REPLY_BYTES:
                raise Died("its reply is too long")
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Stalled(f"no progress in {seconds:g} s")
            for key, _ in ready:
                self._read_pipe(key.fd)
        line, _, self._stdout = self._stdout.partition(b"\n")
        try:
            return parse(line)
        except ValueError as error:
            raise Died("its reply is invalid") from error

    def _read_pipe(self, descriptor: int) -> None:
        data = os.read(descriptor, MAX_REPLY_BYTES)
        if descriptor == _pipe(self._process.stderr).fileno():
            self._stderr = (self._stderr + data)[-MAX_STDERR_BYTES:]
            if not data:
                self._selector.unregister(descriptor)
        elif data:
            self._stdout += data
        else:
            reason = self._exit_reason()
            raise Exhausted(reason) if reason == signal.SIGXCPU.name else Died(reason)

    def _exit_reason(self) -> str:
        """The way the process ended; one that closed its stdout but still runs is killed."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it closed its output"
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"


def _environment() -> dict[str, str]:
    """The variables that Python needs to start, and no secrets: a hostile file may take it over."""
    kept = {
        n: v for n, v in os.environ.items() if n in INHERITED_VARIABLES or n.startswith(PREFIXES)
    }
    return {**kept, **ONE_THREAD}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # for the type checker: all three are pipes
        raise ValueError("no pipe")
    return pipe
