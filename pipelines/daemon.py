"""Dagster's daemon, which goes on after the clock was set back: `python -m pipelines.daemon`.

Dagster spaces ticks of sensors and schedules by the calendar. A clock that was ahead, as after a
system that keeps local time in it, leaves ticks of a time to come, and until then nothing would be
evaluated any more. The options are those of `dagster-daemon`.
"""

import os
import signal
import time
from threading import Thread
from typing import Any

import dagster as dg
import structlog
from dagster._core.launcher import RunLauncher
from dagster._core.storage.schedules.schema import JobTickTable
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage
from dagster._daemon import cli
from sqlalchemy import delete

from pipelines.run_launcher import ForkserverRunLauncher

BACK_SECONDS = 10.0  # by which the clock must be set back; clocks are trimmed all the time
LOOK_SECONDS = 5.0

log = structlog.get_logger()


def forget_future_ticks(instance: dg.DagsterInstance) -> None:
    """Have sensors and schedules that were evaluated in a time to come evaluated from now on."""
    now = time.time()
    for state in instance.all_instigator_state():
        data = state.instigator_data
        ahead = [
            name
            for name, value in (data._asdict() if data else {}).items()
            if name.endswith("timestamp") and value and value > now + BACK_SECONDS
        ]
        if data and ahead:
            log.warning("daemon.future_ticks", instigator=state.instigator_name)
            earlier: dict[str, Any] = dict.fromkeys(ahead, now)
            instance.update_instigator_state(state.with_data(data._replace(**earlier)))
        after = now + BACK_SECONDS
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=after)
        _delete(instance, [tick.tick_id for tick in ticks])


def _delete(instance: dg.DagsterInstance, ticks: list[int]) -> None:
    """Delete ticks: a schedule goes on from its last one."""
    storage = instance.schedule_storage
    if ticks and isinstance(storage, SqlScheduleStorage):
        with storage.connect() as connection:
            connection.execute(delete(JobTickTable).where(JobTickTable.c.id.in_(ticks)))


def end_when_set_back(look_seconds: float = LOOK_SECONDS) -> None:
    """End this process once the clock is set back, as the schedules keep times in memory too.

    Whoever keeps it running, such as `up`, starts it again.
    """
    ahead = clock_offset()
    while True:
        time.sleep(look_seconds)
        before, ahead = ahead, clock_offset()
        if before - ahead > BACK_SECONDS:
            log.warning("daemon.clock_set_back", seconds=round(before - ahead))
            os.kill(os.getpid(), signal.SIGTERM)
            return


def clock_offset() -> float:
    """Return the seconds between the calendar clock and the one that nobody sets."""
    return time.time() - time.monotonic()


def warm_up(launcher: RunLauncher[dg.DagsterInstance]) -> None:
    """Start the process that runs are forked from, while the first one is decided on."""
    if isinstance(launcher, ForkserverRunLauncher):
        Thread(target=launcher.warm_up, daemon=True).start()


def main() -> None:
    """Run `dagster-daemon`, with a look at the clock beside it."""
    with dg.DagsterInstance.get() as instance:
        forget_future_ticks(instance)
        warm_up(instance.run_launcher)
    Thread(target=end_when_set_back, daemon=True).start()
    cli.main()


if __name__ == "__main__":
    main()
