"""`soundalike logs`: prints the logs of `up`, or the latest run's events, readably."""

import os
import sys
from contextlib import suppress
from enum import StrEnum
from typing import Annotated

import typer

from soundalike.environment import logs_folder
from soundalike.errors import LibraryError
from soundalike.settings import Settings, load_settings
from soundalike.supervisor.log_files import LOGS, log_file
from soundalike.supervisor.log_lines import LogLine
from soundalike.supervisor.log_reader import added_lines, last_lines

RUN_LOG = (sys.executable, "-P", "-m", "pipelines.run_log")


class Log(StrEnum):
    """The logs that can be asked for."""

    API = "api"
    DAGSTER = "dagster"
    RUNS = "runs"


def logs(
    log: Annotated[
        Log | None, typer.Argument(help="One of them; `runs` is the latest run's events.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Print what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many at first.")] = 50,
) -> None:
    """Print the logs of the API and of Dagster."""
    settings = load_settings()
    if log == Log.RUNS:
        options = ["--lines", str(lines), *(["--follow"] if follow else [])]
        os.execv(sys.executable, [*RUN_LOG, *options])  # noqa: S606 - no shell, our own module
    with suppress(KeyboardInterrupt):
        _print_files(settings, (log.value,) if log else LOGS, lines, follow=follow)


def _print_files(settings: Settings, names: tuple[str, ...], lines: int, *, follow: bool) -> None:
    folder = logs_folder(settings)
    paths = [log_file(folder, name) for name in names]
    if not follow and not any(path.is_file() for path in paths):
        raise LibraryError(
            f"there are no logs in {folder}. `soundalike up` writes them there when it runs in a "
            "terminal, and to its standard error elsewhere; SOUNDALIKE_DATA names another library."
        )
    for line in last_lines(paths, lines):
        _print(line)
    if follow:
        for line in added_lines(paths):
            _print(line)


def _print(line: LogLine) -> None:
    typer.echo(line.rendered(colours=sys.stdout.isatty()))
