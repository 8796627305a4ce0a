"""How long work shows itself: every stage passes its results through a Progress."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Passes results on as they come and shows how far the stage is."""

    def track(self, results: Iterable[T], stage: str, total: int) -> Iterator[T]:
        """`results`, one by one, of a `stage` that will have `total` of them."""
        ...


class NoProgress:
    """Shows nothing: runs in the background are watched in the Dagster UI."""

    def track(self, results: Iterable[T], stage: str, total: int) -> Iterator[T]:
        """The results, as they are."""
        yield from results
