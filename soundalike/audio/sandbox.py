"""Decoding in processes of its own: a file may crash, hang or bloat a decoder, never the run."""

import os
from errno import EIO
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from soundalike.audio.identity import Identified
from soundalike.audio.pool import ProcessPool
from soundalike.audio.process import Bloated, Broken, Died, Stalled
from soundalike.audio.replies import Failed, OutOfMemory, Read, Reply, SystemFailed, Written
from soundalike.audio.resample import Canonical
from soundalike.audio.tags import FileTags, clean
from soundalike.errors import AudioError
from soundalike.storage.atomic import atomic_file

STALL_SECONDS = 60.0  # without one more packet of audio: not slow, but stuck
CHILD = "soundalike.audio.child"

Answer = TypeVar("Answer", Read, Written)

log = structlog.get_logger()


class Decoders:
    """`count` decoding processes for as many threads: `with Decoders() as decoders: ...`.

    Each starts when it is first needed, serves many files, and is replaced when it dies. A thread
    that finds all busy waits. Raises DecoderUnavailable, on use, if none can be started.
    """

    def __init__(
        self,
        count: int | None = None,
        stall_seconds: float = STALL_SECONDS,
        module: str = CHILD,
    ) -> None:
        self._stall_seconds = stall_seconds
        self._pool = ProcessPool(count or os.cpu_count() or 1, module)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill them all. Threads that still wait for an answer get DecoderUnavailable."""
        self._pool.close()

    def read(self, path: Path) -> tuple[Identified, FileTags]:
        """Identity, stream facts and tags. Raises AudioError as `identify` does, and see `_ask`."""
        reply = self._ask(path, {"do": "read", "source": os.fsencode(path).hex()}, Read)
        identified, tags = reply.values()
        if tags.damage:
            log.warning("tags.unreadable", path=str(path), error=tags.damage)
        return identified, tags

    def write_canonical(
        self, source: Path, track_id: str, target: Path, max_seconds: float | None = None
    ) -> Canonical:
        """Decode `source`, of at most `longest` seconds, and publish `target`, whole or not at all.

        Raises AudioError as `write_flac` does, and see `_ask`; OSError if `target` cannot be
        written.
        """
        with atomic_file(target) as temporary:
            job = {
                "do": "canonical",
                "source": os.fsencode(source).hex(),
                "track_id": track_id,
                "target": os.fsencode(temporary).hex(),
            }
            if max_seconds is not None:
                job["max_seconds"] = str(max_seconds)
            return self._ask(source, job, Written).values()

    def _ask(self, path: Path, job: dict[str, str], kind: type[Answer]) -> Answer:
        """Have a process do the job; once more in a new one if it was an old one that broke.

        Raises AudioError: decoder_died, stalled or too_much_memory.
        """
        fresh = False
        while True:
            try:
                with self._pool.borrowed(fresh) as process:
                    fresh = not process.jobs
                    return _answer(process.ask(job, self._stall_seconds), kind)
            except Broken as error:
                self._pool.refuse_closed()
                if fresh:
                    raise _failure(error) from error
                log.info("decoder.replaced", path=str(path), reason=str(error))
                fresh = True  # what an earlier file left behind must not fail this one


def _answer(reply: Reply, kind: type[Answer]) -> Answer:
    """The reply asked for. Raises what else it says; Broken ones are the process's end."""
    if isinstance(reply, kind):
        return reply
    if isinstance(reply, Failed):
        raise AudioError(reply.code, clean(reply.message))
    if isinstance(reply, SystemFailed):
        raise OSError(reply.errno or EIO, clean(reply.message))
    if isinstance(reply, OutOfMemory):
        raise Bloated("it reached its limit of memory")
    raise Died("it answered another question")


def _failure(error: Broken) -> AudioError:
    """A process that broke on a file, as that file's failure."""
    if isinstance(error, Died):
        return AudioError("decoder_died", f"decoding it crashed the decoder ({error})")
    if isinstance(error, Stalled):
        return AudioError("stalled", f"decoding it hangs ({error})")
    return AudioError("too_much_memory", "decoding it takes more memory than any music does")
