"""Progress of long work: stages pass results through a Progress, downloads report bytes."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import structlog

T = TypeVar("T")
DownloadProgress = Callable[[int, int], None]  # bytes received, bytes in all (0: not known)

log = structlog.get_logger()

STEPS = 4  # of a batch's stage: a quarter of it
STEP_SECONDS = 60.0  # and where a quarter takes longer
UNITS = {"raw_audio": "files"}  # the stages after it work on tracks


def no_audio(_result: object) -> float:
    """Return 0: the result is of no length."""
    return 0.0


class Progress(Protocol):
    """An interface that passes a stage's results on and shows how far the stage is."""

    def track(
        self,
        results: Iterable[T],
        stage: str,
        total: int,
        seconds: Callable[[T], float] = no_audio,
    ) -> Iterator[T]:
        """Yield `results` one by one, of a `stage` that will have `total` of them.

        `seconds` returns how many seconds of audio were processed for a result.
        """
        ...


class NoProgress:
    """A Progress that shows nothing."""

    def track(
        self,
        results: Iterable[T],
        _stage: str,
        _total: int,
        _seconds: Callable[[T], float] = no_audio,
    ) -> Iterator[T]:
        """Yield the results unchanged."""
        yield from results


class LoggedProgress:
    """A Progress that logs how far the stage is, at each quarter of it and at least each minute.

    `clock` returns a time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def track(
        self,
        results: Iterable[T],
        stage: str,
        total: int,
        seconds: Callable[[T], float] = no_audio,
    ) -> Iterator[T]:
        """Yield the results, and log on the way."""
        started = logged = self._clock()
        audio, logged_step = 0.0, 0
        for done, result in enumerate(results, 1):
            audio += seconds(result)
            now, step = self._clock(), done * STEPS // total
            if done < total and (step > logged_step or now - logged >= STEP_SECONDS):
                logged, logged_step = now, step
                self._log(stage, done, total, audio, now - started)
            yield result

    def _log(self, stage: str, done: int, total: int, audio: float, elapsed: float) -> None:
        left = elapsed / done * (total - done)
        speed = audio / elapsed if elapsed else 0.0
        parts = [f"{done} of {total} {UNITS.get(stage, 'tracks')}"]
        parts += [f"{speed:.3g} x real time"] if speed else []
        parts += [f"{about(left)} left"]
        log.info(
            "stage.progress",
            message=", ".join(parts),
            stage=stage,
            done=done,
            total=total,
            times_real_time=round(speed, 2),
            seconds_left=round(left),
        )


def about(seconds: float) -> str:
    """Return a duration as people say it: `about 40 s`, `about 2 min`, `about 3 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"about {round(seconds / size)} {unit}"
    return f"about {round(seconds)} s"


def report_nothing(_received: int, _total: int) -> None:
    """Ignore a download's progress."""
