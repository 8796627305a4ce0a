"""A run's process on a machine of a cluster: `python -m pipelines.remote_run ARGUMENTS`.

It refuses to begin with other settings than the daemon's where they would change what is made, or
where it is put. It ends as soon as the run has ended for Dagster: a launcher that lost sight of it
has given its work to another.
"""

import argparse
import gc
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import dagster as dg
import structlog
from dagster._cli.api import _execute_run_command_body
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import capture_interrupts

from pipelines.retries import DATABASE_AWAY
from soundalike.cores import CORES
from soundalike.environment import child_environment
from soundalike.errors import SettingsError
from soundalike.settings import Settings, load_settings
from soundalike.settings.names import variable_of
from soundalike.tracing import span, tracing

# What all machines must have alike, beside what the catalog holds (library_settings.py).
SHARED = (
    *("data", "artifacts", "keep_audio", "device", "precision"),
    *("tag_encoding", "genre_separators", "batch_tracks", "settle_seconds", "music"),
)
LOOK_SECONDS = 2.0
LOST = 3  # exit code

log = structlog.get_logger()


def shared_settings(settings: Settings) -> dict[str, str]:
    """The settings that a run must have as the daemon has them, as texts."""
    return {name: str(getattr(settings, name)) for name in SHARED}


def require_shared(settings: Settings, wanted: Mapping[str, str]) -> None:
    """Require the daemon's settings. Raises SettingsError that names each other one, and the host.

    Without DATABASE_URL there would be a private PostgreSQL, and another library.
    """
    here, host = shared_settings(settings), socket.gethostname()
    lines = [
        f"{variable_of(name)}: the daemon has {value}, {host} has {here[name]}"
        for name, value in wanted.items()
        if here.get(name, value) != value
    ]
    if not settings.database_url:
        lines.append(f"DATABASE_URL: it is not set on {host}")
    if lines:
        raise SettingsError("\n".join((*lines, "Set the same on every node, before `ray start`.")))


@contextmanager
def ends_with_its_run(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """End this process at once if the run ends within the block, and not by it.

    Seen twice, so that a run that has just recorded its own end gets to the end of the block.
    """
    done = Event()

    def watch() -> None:
        ended = False
        while not done.wait(LOOK_SECONDS):
            try:
                run = instance.get_run_by_id(run_id)
            except DATABASE_AWAY:
                continue
            if ended and (run is None or run.is_finished):
                log.error("run.lost", run=run_id, message="the run was ended by others")
                os._exit(LOST)
            ended = run is None or run.is_finished

    Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def main() -> int:
    """Execute the run that the arguments name, and return its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--cores")
    given = parser.parse_args()
    if given.cores:
        os.environ[CORES] = given.cores
    arguments: Any = deserialize_value(given.run, ExecuteRunArgs)
    settings = load_settings()
    try:
        require_shared(settings, given.settings)
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    os.environ.update(child_environment(settings, str(settings.database_url)))
    gc.freeze()
    run_id = arguments.run_id
    with (
        tracing("soundalike-runs"),
        span("run", run=run_id),
        capture_interrupts(),
        dg.DagsterInstance.from_ref(arguments.instance_ref) as instance,
    ):
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            sys.stderr.write(f"error: run {run_id} has ended already\n")
            return LOST
        with ends_with_its_run(instance, run_id):
            return _execute_run_command_body(
                run_id, instance, lambda _: None, set_exit_code_on_failure=True
            )


if __name__ == "__main__":
    sys.exit(main())
