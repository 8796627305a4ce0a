"""Shared parts of the per-batch stages: the report, and turning a file's error into a failure."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from soundalike.catalog.batches import BatchFile, StageFailure
from soundalike.catalog.folding import spellings
from soundalike.cores import available_cores
from soundalike.display_text import printable
from soundalike.errors import AudioError
from soundalike.resource_usage import Usage
from soundalike.tracing import span

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class StageReport:
    """Results of a stage for a batch.

    `uri` names what the stage has written, a file or a folder. `done` counts the successes,
    `reused` those of them that existed already. `audio_seconds` is the length of the audio that was
    processed now. `flawed` are files that succeeded although a part of them is broken. `files` are
    the rows of the batch's manifest, from the stage that writes it. `version` is a hash of what the
    stage made: the same results, the same version.
    """

    stage: str
    batch: str
    uri: str
    version: str
    done: int
    reused: int
    failures: Sequence[StageFailure]
    audio_seconds: float
    usage: Usage
    notes: dict[str, str | int | float]
    flawed: Sequence[str] = ()
    files: Sequence[Mapping[str, Any]] = ()

    @property
    def times_real_time(self) -> float:
        """Seconds of music per second of wall time."""
        return self.audio_seconds / self.usage.wall_seconds


@dataclass(frozen=True)
class Selection:
    """The files of a batch that a stage is to work on; the others stay as they are.

    `force`: again, although nothing changed. `path_prefix`: only files whose path within their root
    begins with it. `tracks`: only files of these tracks.
    """

    force: bool = False
    path_prefix: str = ""
    tracks: frozenset[str] = frozenset()

    def of(self, files: Sequence[BatchFile]) -> list[BatchFile]:
        """Return the files that are selected."""
        return [
            file
            for file in files
            if file.shown.startswith(tuple(spellings(self.path_prefix)))
            and (not self.tracks or file.track_id in self.tracks)
        ]


EVERYTHING = Selection()


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """A file and its result or failure in a stage."""

    file: BatchFile
    result: T | None
    failure: StageFailure | None


def version_of(results: Iterable[object]) -> str:
    """Hash a stage's results, in order, to 16 hex digits."""
    lines = "\n".join(map(repr, results))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()[:16]


@contextmanager
def at_stage(stage: str, batch: str) -> Iterator[None]:
    """Name the stage and the batch in each line that is logged within the block; it is a span."""
    named = structlog.contextvars.bound_contextvars(stage=stage, batch=batch)
    with named, span(stage, batch=batch):
        yield


def attempt(work: Callable[[BatchFile], T], file: BatchFile) -> Outcome[T]:
    """Do the work on one file; an error that is the file's own becomes its failure, and is logged.

    These are AudioError and the kinds of error that decoders raise on odd data (ValueError,
    LookupError, ArithmeticError). Errors of the system (OSError, MemoryError, a broken model's
    RuntimeError) are raised.
    """
    try:
        return Outcome(file, work(file), None)
    except AudioError as error:
        return _failed(file, error.code, str(error))
    except (ValueError, LookupError, ArithmeticError) as error:
        message = f"its data cannot be decoded ({type(error).__name__}: {error})"
        return _failed(file, "undecodable", message, exc_info=True)


def _failed(file: BatchFile, code: str, reason: str, *, exc_info: bool = False) -> Outcome[T]:
    log.warning(
        "file.failed",
        message=f"{printable(file.shown)} failed ({code}): {printable(reason)}",
        path=file.shown,
        code=code,
        reason=reason,
        exc_info=exc_info,
    )
    return Outcome(file, None, StageFailure(file, code, reason))


def attempt_all(work: Callable[[BatchFile], T], files: Sequence[BatchFile]) -> Iterator[Outcome[T]]:
    """Call `attempt` on each file, in a thread a core and one more; results keep the order.

    Threads suffice: decoding, resampling and hashing run outside the interpreter's lock. One more,
    as there is a decoding process a core, which waits while its thread syncs and hashes what it
    wrote. What they log names the stage and the run, as if this thread had logged it.
    """

    def attempted(file: BatchFile, context: Context) -> Outcome[T]:
        return context.run(attempt, work, file)

    contexts = (copy_context() for _ in files)
    with ThreadPoolExecutor(available_cores() + 1, thread_name_prefix="audio") as pool:
        try:
            yield from pool.map(attempted, files, contexts)
        finally:
            pool.shutdown(cancel_futures=True)
