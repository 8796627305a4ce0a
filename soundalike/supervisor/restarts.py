"""Restarts of a program that keeps dying: growing waits between them, and when to give up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """The waits before the first, second, ... restart; the last one is repeated.

    A program that died `max_deaths` times within `within_seconds` is given up. Older deaths are
    forgotten, so that one a day waits as the first one does.
    """

    delays: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
    max_deaths: int = 10
    within_seconds: float = 600.0


DEFAULT_POLICY = RestartPolicy()


class Deaths:
    """The recent deaths of one program. `clock` returns a time in seconds."""

    def __init__(
        self, policy: RestartPolicy = DEFAULT_POLICY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._times: list[float] = []

    def add(self) -> None:
        """Note that the program died just now."""
        now = self._clock()
        oldest = now - self._policy.within_seconds
        self._times = [*(at for at in self._times if at > oldest), now]

    @property
    def too_many(self) -> bool:
        """Return whether the program is to be given up."""
        return len(self._times) >= self._policy.max_deaths

    @property
    def delay(self) -> float:
        """The seconds between the last death and the restart after it; 0 before any death."""
        delays = self._policy.delays
        return delays[min(len(self._times), len(delays)) - 1] if self._times else 0.0

    @property
    def is_restart_due(self) -> bool:
        """Return whether the wait after the last death is over."""
        return not self._times or self._clock() >= self._times[-1] + self.delay

    @property
    def counted(self) -> str:
        """The number of deaths and the time that they are counted in, as part of a sentence."""
        return f"{len(self._times)} times in {self._policy.within_seconds / 60:g} minutes"
