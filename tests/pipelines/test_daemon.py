"""A clock that was ahead for a while must not stop what the daemon evaluates by it."""

import os
import signal
import time
from collections.abc import Iterator
from threading import Event, Thread, current_thread
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from pipelines.daemon import end_when_set_back, forget_future_ticks, warm_up
from pipelines.run_launcher import ForkserverRunLauncher
from tests.pipelines.test_pools import NO_COMPUTE_LOGS

HOUR = 3600.0
REPOSITORY = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="pipelines")), "all"
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(NO_COMPUTE_LOGS) as made:
        yield made


def evaluated(instance: dg.DagsterInstance, data: Any, ended: float) -> InstigatorState:
    """A sensor or a schedule that Dagster last evaluated at that time."""
    kind = InstigatorType.SENSOR
    if isinstance(data, ScheduleInstigatorData):
        kind = InstigatorType.SCHEDULE
    origin = RemoteInstigatorOrigin(REPOSITORY, f"{kind.value} {ended}")
    state = InstigatorState(origin, kind, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=state.instigator_name,
            instigator_type=kind,
            status=TickStatus.SKIPPED,
            timestamp=ended,
            selector_id=state.selector_id,
        )
    )
    return state


def times(instance: dg.DagsterInstance, state: InstigatorState) -> dict[str, float]:
    found = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
    assert found and found.instigator_data
    fields = found.instigator_data._asdict()
    return {name: each for name, each in fields.items() if name.endswith("timestamp") and each}


def ticks(instance: dg.DagsterInstance, state: InstigatorState) -> list[float]:
    found = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [tick.timestamp for tick in found]


def test_what_was_evaluated_in_a_time_to_come_is_evaluated_from_now_on(
    instance: dg.DagsterInstance,
) -> None:
    ahead = time.time() + HOUR
    sensor = evaluated(
        instance,
        SensorInstigatorData(
            last_tick_timestamp=ahead,
            last_tick_start_timestamp=ahead,
            last_sensor_start_timestamp=5.0,
            cursor="kept",
        ),
        ahead,
    )
    schedule = evaluated(instance, ScheduleInstigatorData("* * * * *", 5.0, ahead), ahead)
    forget_future_ticks(instance)
    for state, started in ((sensor, "last_sensor_start_timestamp"), (schedule, "start_timestamp")):
        found = times(instance, state)
        assert found.pop(started) == 5.0
        assert found
        assert all(abs(each - time.time()) < 60 for each in found.values())
        assert ticks(instance, state) == []
    [kept] = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    assert isinstance(kept.instigator_data, SensorInstigatorData)
    assert kept.instigator_data.cursor == "kept"


def test_the_past_is_left_as_it_is(instance: dg.DagsterInstance) -> None:
    past = time.time() - HOUR
    data = SensorInstigatorData(last_tick_timestamp=past, last_tick_start_timestamp=past)
    state = evaluated(instance, data, past)
    before = times(instance, state)
    forget_future_ticks(instance)
    assert times(instance, state) == before
    assert ticks(instance, state) == [past]


@pytest.mark.parametrize("offsets", [[0, HOUR, 0], [0, 0, -HOUR], [5, -1, -20]])
def test_the_daemon_ends_once_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch, offsets: list[float]
) -> None:
    sent = looked_at(monkeypatch, offsets)
    end_when_set_back(look_seconds=0)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_a_clock_that_is_set_ahead_or_trimmed_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = looked_at(monkeypatch, [0, HOUR, HOUR - 1, 2 * HOUR])
    with pytest.raises(StopIteration):
        end_when_set_back(look_seconds=0)
    assert sent == []


def looked_at(monkeypatch: pytest.MonkeyPatch, offsets: list[float]) -> list[tuple[int, int]]:
    """A clock that is off by these one after another; the signals that are sent."""
    sent: list[tuple[int, int]] = []
    readings = iter(offsets)
    monkeypatch.setattr("pipelines.daemon.clock_offset", lambda: next(readings))
    monkeypatch.setattr("pipelines.daemon.os.kill", lambda *what: sent.append(what))
    return sent


class Launcher(ForkserverRunLauncher):
    """A launcher that tells when it is asked to warm up."""

    def __init__(self) -> None:
        super().__init__()
        self.warmed_by: Thread | None = None
        self.warmed = Event()

    def warm_up(self) -> None:
        self.warmed_by = current_thread()
        self.warmed.set()


def test_the_daemon_starts_the_process_of_runs_without_waiting_for_it() -> None:
    launcher = Launcher()
    warm_up(launcher)
    assert launcher.warmed.wait(60)
    assert launcher.warmed_by is not current_thread()
