"""`soundalike logs runs`: prints the latest run's events. It reads, and changes nothing."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime

import dagster as dg
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from pipelines.runs import shown_partitions
from soundalike.cli.library import nothing_ingested
from soundalike.environment import child_environment
from soundalike.errors import NothingIngested, SoundalikeError
from soundalike.logs import configure_logs
from soundalike.postgres import connected_database, has_database
from soundalike.settings import Settings, load_settings
from soundalike.supervisor.log_lines import LogLine
from soundalike.terminal import format_error

POLL_SECONDS = 1.0
LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


class RunLog:
    """The events of the latest run, printed as far as they were not yet."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._run = ""
        self._cursor: str | None = None

    def print_new(self, lines: int | None = None) -> None:
        """Print what is new, or its last `lines`. A newer run begins with a line of its own."""
        run = next(iter(self._instance.get_runs(limit=1)), None)
        if run is None:
            return
        if run.run_id != self._run:
            self._run, self._cursor = run.run_id, None
            about = (run.job_name, shown_partitions(run), run.run_id, run.status.value)
            print(" ".join(filter(None, about)))  # noqa: T201
        events = self._instance.get_records_for_run(run.run_id, cursor=self._cursor)
        self._cursor = events.cursor
        for record in events.records[-lines:] if lines else events.records:
            print(_line(record.event_log_entry).rendered(colours=sys.stdout.isatty()), flush=True)  # noqa: T201


def _line(entry: dg.EventLogEntry) -> LogLine:
    """Return the event as a line of a log; the step is a field of it."""
    at = datetime.fromtimestamp(entry.timestamp, UTC)
    event = entry.dagster_event
    text = entry.user_message or (event.message if event else None) or ""
    error = getattr(event.event_specific_data, "error", None) if event else None
    if error is not None:
        text = f"{text} {error.message.strip()}"
    step = {"step": entry.step_key} if entry.step_key else {}
    return LogLine(at, LEVELS.get(int(entry.level), "info"), text, step)


def _print(settings: Settings, lines: int, *, follow: bool) -> None:
    if not has_database(settings):
        raise NothingIngested(nothing_ingested(settings))
    with connected_database(settings) as url:
        os.environ.update(child_environment(settings, url))
        with dg.DagsterInstance.get() as instance:
            log = RunLog(instance)
            log.print_new(lines)
            while follow:
                time.sleep(POLL_SECONDS)
                log.print_new()


def main() -> int:
    """Print the latest run's events; the arguments are those of `soundalike logs`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--lines", type=int, default=50)
    arguments = parser.parse_args()
    configure_logs("WARNING", json=False)
    try:
        _print(load_settings(), arguments.lines, follow=arguments.follow)
    except KeyboardInterrupt:
        return 0
    except (SoundalikeError, SQLAlchemyError) as error:
        Console(stderr=True).print(format_error(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
