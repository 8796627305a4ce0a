"""A program that keeps dying must be started ever more rarely, and at last not at all."""

from soundalike.supervisor.restarts import Deaths, RestartPolicy

POLICY = RestartPolicy(delays=(1, 4), max_deaths=4, within_seconds=60)


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_that_never_died_is_due_at_once() -> None:
    assert Deaths(POLICY, Clock()).is_restart_due


def test_the_waits_grow_up_to_the_last_one() -> None:
    deaths, delays = Deaths(POLICY, Clock()), []
    for _ in range(3):
        deaths.add()
        delays.append(deaths.delay)
    assert delays == [1, 4, 4]


def test_a_restart_waits_for_its_time() -> None:
    clock = Clock()
    deaths = Deaths(POLICY, clock)
    deaths.add()
    assert not deaths.is_restart_due
    clock.now = 1.0
    assert deaths.is_restart_due


def test_many_deaths_in_a_short_time_are_too_many() -> None:
    deaths = Deaths(POLICY, Clock())
    for _ in range(3):
        deaths.add()
    assert not deaths.too_many
    deaths.add()
    assert deaths.too_many
    assert deaths.counted == "4 times in 1 minutes"


def test_deaths_of_long_ago_count_no_more() -> None:
    clock = Clock()
    deaths = Deaths(POLICY, clock)
    for clock.now in (0.0, 61.0, 122.0, 183.0):
        deaths.add()
    assert deaths.delay == 1
    assert not deaths.too_many


def test_by_default_ten_deaths_within_ten_minutes_are_too_many() -> None:
    """The waits of 1, 2, 4, ... 60 seconds are those of docs/operations.md."""
    clock = Clock()
    deaths, waits = Deaths(clock=clock), []
    for number in range(10):
        clock.now = number * 65.0
        assert not deaths.too_many
        deaths.add()
        waits.append(deaths.delay)
    assert deaths.too_many
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    rare = Deaths(clock=clock)
    for number in range(20):
        clock.now = number * 67.0
        rare.add()
    assert not rare.too_many
