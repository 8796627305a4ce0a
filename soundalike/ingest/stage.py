"""What the per-batch stages share: the report, and turning one file's error into a failure."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from soundalike.catalog.batches import BatchFile, StageFailure
from soundalike.errors import AudioError
from soundalike.resource_usage import Usage

Result = TypeVar("Result")

log = structlog.get_logger()


@dataclass(frozen=True)
class StageReport:
    """What a stage did with a batch.

    `done` counts what went through, `reused` those of them that were there already. `audio_seconds`
    is the length of the music that was worked on now. `flawed` are files that went through although
    a part of them is broken.
    """

    stage: str
    done: int
    reused: int
    failures: Sequence[StageFailure]
    audio_seconds: float
    usage: Usage
    notes: dict[str, str | int | float]
    flawed: Sequence[str] = ()

    @property
    def times_real_time(self) -> float:
        """Seconds of music per second of wall time."""
        return self.audio_seconds / self.usage.wall_seconds


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """One file and what a stage made of it, or why not."""

    file: BatchFile
    result: Result | None
    failure: StageFailure | None


def attempt(work: Callable[[BatchFile], Result], file: BatchFile) -> Outcome[Result]:
    """Do the work on one file; an error that is the file's own becomes its failure.

    So do the kinds of error by which decoders stumble over odd data. What says that the system does
    not work (OSError, MemoryError, a broken model's RuntimeError) is raised.
    """
    try:
        return Outcome(file, work(file), None)
    except AudioError as error:
        return Outcome(file, None, StageFailure(file, error.code, str(error)))
    except (ValueError, LookupError, ArithmeticError) as error:
        log.warning("file.undecodable", path=file.shown, exc_info=True)
        message = f"its data cannot be made sense of ({type(error).__name__}: {error})"
        return Outcome(file, None, StageFailure(file, "undecodable", message))


def attempt_all(
    work: Callable[[BatchFile], Result], files: Sequence[BatchFile]
) -> Iterator[Outcome[Result]]:
    """`attempt` on every file, as many at a time as there are cores, in the order given.

    Threads suffice: decoding, resampling and hashing run outside the interpreter's lock.
    """
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="audio") as pool:
        try:
            yield from pool.map(lambda file: attempt(work, file), files)
        finally:
            pool.shutdown(cancel_futures=True)
