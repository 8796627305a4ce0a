"""`soundalike ingest`: scans, embeds and publishes, as real Dagster runs.

They are in this one process, or on the machines of a cluster, where dagster.yaml has a launcher
that spans several.
"""

import argparse
import os
import signal
from typing import Any

import dagster as dg
from dagster._core.instance import InstanceRef
from dagster_postgres.utils import DagsterPostgresException
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from pipelines.foreground.ingest import Ingest
from pipelines.foreground.job_runner import JobRunner
from pipelines.foreground.remote_runner import RemoteRunner
from pipelines.interrupts import STOPPING, Interrupts
from pipelines.launchers import spans_machines
from pipelines.run_errors import explain, silence_retry_warnings
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.rules import TagRules
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.library_settings import adopt
from soundalike.catalog.process_locks import ingest_lock
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import child_environment
from soundalike.errors import SettingsError, SoundalikeError
from soundalike.garbage_collection import imports_frozen
from soundalike.ingest.roots import read_again, register_roots
from soundalike.logs import configure_logs
from soundalike.postgres import connected_database
from soundalike.settings import load_settings
from soundalike.storage.data_roots import remember_data_root
from soundalike.storage.disk_space import disk_errors_named, require_free_space
from soundalike.terminal import counted, format_error, safe

INTERRUPTED = 130
# Dagster would capture output by processes, which Ctrl-C in a terminal also reaches.
NO_OUTPUT_CAPTURED = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    }
}


def main() -> int:
    """Ingest in the foreground; the arguments are those of `soundalike ingest`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("roots", nargs="*")
    parser.add_argument("--confirm-removals", action="store_true")
    parser.add_argument("--reread", action="store_true")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    configure_logs("ERROR", json=False)  # what failed is in tables at the end, and in the runs' log
    silence_retry_warnings()
    settings = load_settings()
    try:
        require_free_space(settings.data)
        with (
            imports_frozen(),
            Interrupts() as interrupts,
            disk_errors_named(settings.data),
            connected_database(settings) as url,
        ):
            os.environ.update(child_environment(settings, url))
            upgrade(url)
            sessions = open_catalog(url)
            rules = TagRules.of(settings)
            with ingest_lock(sessions), Decoders(tag_rules=rules) as decoders:
                settings = adopt(sessions, settings)
                for message in register_roots(sessions, arguments.roots):
                    console.print(f"[dim]{safe(message)}[/dim]")
                if arguments.reread:
                    files = counted(read_again(sessions, arguments.roots), "file")
                    console.print(f"{files} to be read again")
                remember_data_root(settings.data)
                given = sessions, settings
                instance = _instance(NO_OUTPUT_CAPTURED)
                jobs: JobRunner | RemoteRunner
                if spans_machines(instance):
                    jobs = RemoteRunner(_instance(), *given, interrupts, console)
                else:
                    jobs = JobRunner(instance, *given, decoders, interrupts, console)
                Ingest(settings, sessions, jobs, console).run(arguments.confirm_removals)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)  # it is ending already
        console.print(
            "stopped; finished work is kept, and `soundalike ingest` continues from there"
        )
        return INTERRUPTED
    except (SoundalikeError, SQLAlchemyError, DagsterPostgresException) as error:
        console.print(format_error(explain(error, settings)))
        return 2 if isinstance(error, SettingsError) else 1
    return 0


def _instance(overrides: dict[str, Any] | None = None) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides=overrides)
    )
