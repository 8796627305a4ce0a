"""Decoding in child processes: a file may crash, hang or bloat its process, never the run."""

import json
import os
from errno import EIO
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from soundalike.audio.identity import Identified
from soundalike.audio.pool import ProcessPool
from soundalike.audio.process import Bloated, Broken, Died, Exhausted, Stalled
from soundalike.audio.replies import Failed, OutOfMemory, Read, Reply, SystemFailed, Written
from soundalike.audio.resample import Canonical
from soundalike.audio.tags.fields import FileTags, clean
from soundalike.audio.tags.rules import TagRules
from soundalike.cores import available_cores
from soundalike.errors import AudioError, WorkAbandoned
from soundalike.storage.atomic import atomic_file

STALL_SECONDS = 60.0  # without another packet of audio, a process is stuck, not slow
CPU_SECONDS = 3600.0  # of one file; a day of music takes minutes
CHILD = "soundalike.audio.child"
DEFAULT_TAG_RULES = TagRules()

ReplyT = TypeVar("ReplyT", Read, Written)

log = structlog.get_logger()


class Decoders:
    """A set of decoding processes for threads: `with Decoders() as decoders: ...`.

    There are `count`, or one per CPU. Each starts when it is first needed, serves many files, and
    is replaced when it dies. A thread waits while all are busy. Raises DecoderUnavailable, on use,
    if none can be started.
    """

    def __init__(
        self,
        count: int | None = None,
        stall_seconds: float = STALL_SECONDS,
        module: str = CHILD,
        tag_rules: TagRules = DEFAULT_TAG_RULES,
        cpu_seconds: float = CPU_SECONDS,
    ) -> None:
        self._cpu_seconds = str(cpu_seconds)
        self._tag_rules = json.dumps([tag_rules.encoding, *tag_rules.genre_separators])
        self._stall_seconds = stall_seconds
        self._pool = ProcessPool(count or available_cores(), module)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def prepare(self) -> None:
        """Start a process in the background: it takes as long as reading a whole file."""
        self._pool.prepare()

    def are_isolated(self) -> bool:
        """Return whether the processes have no network, which one of them is started to tell."""
        with self._pool.borrowed(fresh=False) as process:
            return process.isolated

    @property
    def processes(self) -> tuple[int, int, int]:
        """Counts of the processes that are busy, that are idle, and that were ever started."""
        return self._pool.processes

    def interrupt(self) -> None:
        """End what is being decoded: the threads that wait for it get WorkAbandoned."""
        self._pool.interrupt()

    def close(self) -> None:
        """Kill all processes. Threads that still wait for a reply get DecoderUnavailable."""
        self._pool.close()

    def read(self, path: Path) -> tuple[Identified, FileTags]:
        """Read a file's identity, stream facts and tags.

        Raises AudioError as `identify` does, or `decoder_died`, `stalled`, `too_much_memory` or
        `too_much_computing`.
        """
        return self._read(path)

    def read_tags(self, path: Path, track_id: str) -> tuple[Identified, FileTags]:
        """Read stream facts and tags of a file whose identity is known; raises as `read` does."""
        return self._read(path, track_id=track_id)

    def _read(self, path: Path, **known: str) -> tuple[Identified, FileTags]:
        job = {"do": "read", "source": os.fsencode(path).hex(), "tag_rules": self._tag_rules}
        identified, tags = self._request(path, job | known, Read).values()
        if tags.damage:
            log.warning("tags.unreadable", path=str(path), error=tags.damage)
        return identified, tags

    def write_canonical(
        self, source: Path, track_id: str, target: Path, max_seconds: float | None = None
    ) -> Canonical:
        """Decode `source` and publish `target`, whole or not at all.

        `max_seconds`: the longest audio allowed, as for `decode`. Raises AudioError as `write_flac`
        does, or `decoder_died`, `stalled` or `too_much_memory`; OSError if `target` cannot be
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
            return self._request(source, job, Written).values()

    def _request(self, path: Path, job: dict[str, str], kind: type[ReplyT]) -> ReplyT:
        """Have a process do the job; if a used one breaks, try once more in a new one.

        Raises AudioError: decoder_died, stalled, too_much_memory or too_much_computing.
        """
        fresh, interruptions = False, self._pool.interruptions
        job = {**job, "cpu_seconds": self._cpu_seconds}
        while True:
            try:
                with self._pool.borrowed(fresh) as process:
                    fresh = not process.jobs
                    return _expect(process.request(job, self._stall_seconds), kind)
            except Broken as error:
                self._pool.require_open()
                if self._pool.interruptions != interruptions:
                    raise WorkAbandoned("decoding was interrupted") from error
                if fresh or isinstance(error, Exhausted):
                    raise _failure(error) from error
                log.info("decoder.replaced", path=str(path), reason=str(error))
                fresh = True  # what an earlier file left behind must not fail this one


def _expect(reply: Reply, kind: type[ReplyT]) -> ReplyT:
    """Return the reply if it is of `kind`. Raises AudioError, OSError or Broken for any other.

    Broken means that the process must not be used any more.
    """
    if isinstance(reply, kind):
        return reply
    if isinstance(reply, Failed):
        raise AudioError(reply.code, clean(reply.message))
    if isinstance(reply, SystemFailed):
        raise OSError(reply.errno or EIO, clean(reply.message))
    if isinstance(reply, OutOfMemory):
        raise Bloated("it reached its limit of memory")
    raise Died("its reply is of the wrong kind")


def _failure(error: Broken) -> AudioError:
    """The AudioError of a file on which a process broke."""
    if isinstance(error, Died):
        return AudioError("decoder_died", f"decoding it crashed the decoder ({error})")
    if isinstance(error, Stalled):
        return AudioError("stalled", f"decoding it hangs ({error})")
    if isinstance(error, Exhausted):
        return AudioError("too_much_computing", "decoding it takes longer than any music does")
    return AudioError("too_much_memory", "decoding it takes more memory than any music does")
