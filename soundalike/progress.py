"""Progress of long work: stages pass results through a Progress, downloads report bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
DownloadProgress = Callable[[int, int], None]  # bytes received, bytes in all (0: not known)


class Progress(Protocol):
    """An interface that passes a stage's results on and shows how far the stage is."""

    def track(self, results: Iterable[T], stage: str, total: int) -> Iterator[T]:
        """Yield `results` one by one, of a `stage` that will have `total` of them."""
        ...


class NoProgress:
    """A Progress that shows nothing: background runs are watched in the Dagster UI."""

    def track(self, results: Iterable[T], stage: str, total: int) -> Iterator[T]:
        """Yield the results unchanged."""
        yield from results


def report_nothing(_received: int, _total: int) -> None:
    """Ignore a download's progress."""
