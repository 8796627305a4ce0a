"""`soundalike ingest`: replaces itself by the pipeline, as this package is free of Dagster."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from soundalike.cli.library import followed
from soundalike.cli.weights import fetch_missing
from soundalike.ingest.require_music import require_music
from soundalike.settings import load_settings

# -P: the current folder may hold anything, and must not be searched for modules.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# It handles the signals that it is started with blocked, as soon as it has loaded its modules.
INGEST = (sys.executable, "-P", "-m", "pipelines.foreground")


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Block Ctrl-C and other requests to stop while INGEST is started, which inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ingest(
    root: Annotated[
        str | None,
        typer.Argument(help="A folder or bucket (s3://...) of music to add to the library."),
    ] = None,
    confirm_removals: Annotated[
        bool,
        typer.Option(help="Accept removals even if most of a root is missing."),
    ] = False,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread",
            help="Read files again although size and time are as they were: all, or those of ROOT.",
        ),
    ] = False,
) -> None:
    """Scan the music folders, embed new tracks, and publish the index."""
    settings = followed(load_settings())  # which decide what weights are needed
    roots = [] if root is None else [root]
    require_music(roots, settings.extensions)
    fetch_missing(settings, Console(stderr=True))
    chosen = {"--confirm-removals": confirm_removals, "--reread": reread}
    options = [option for option, is_chosen in chosen.items() if is_chosen]
    with interrupts_deferred():
        os.execv(sys.executable, [*INGEST, *options, "--", *roots])  # noqa: S606 - no shell, our own module
