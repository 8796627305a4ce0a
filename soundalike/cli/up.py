"""`soundalike up`: PostgreSQL if needed, migrations, Dagster, the API; Ctrl-C stops all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from rich.console import Console

from soundalike.catalog.engine import open_catalog, up_lock
from soundalike.catalog.library_settings import adopt, library_space
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import PROJECT, child_environment
from soundalike.errors import PostgresError, SettingsError, SoundalikeError
from soundalike.postgres import connected_database, restart_database
from soundalike.settings import Settings, load_settings, require_key_beyond_loopback
from soundalike.tcp_ports import LOOPBACK, busy_port
from soundalike.terminal import format_error

GRACE_SECONDS = 20
WATCH_SECONDS = 1.0
ORPHANED_RUNS = (sys.executable, "-P", "-m", "pipelines.orphaned_runs")
out = Console(stderr=True)


def up() -> None:
    """Serve the API and the Dagster UI until Ctrl-C."""
    settings = load_settings()
    require_key_beyond_loopback(settings)
    require_free_ports(settings)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _as_interrupt)
    with connected_database(settings) as url:
        upgrade(url)
        sessions = open_catalog(url)
        library_space(sessions, adopt(sessions, settings))  # without it every run would fail
        environment = child_environment(settings, url)
        with ExitStack() as stack:
            stack.enter_context(up_lock(sessions))
            subprocess.run(ORPHANED_RUNS, env=environment, cwd=PROJECT, check=True)
            children = {
                name: stack.enter_context(_running(command, environment))
                for name, command in _commands(settings).items()
            }
            out.print(f"API         http://{settings.host}:{settings.port}/docs")
            out.print(f"Dagster UI  http://{LOOPBACK}:{settings.dagster_port}")
            out.print("Ctrl-C stops both")
            try:
                _watch(children, settings)
            except KeyboardInterrupt:
                out.print("stopping")


def require_free_ports(settings: Settings) -> None:
    """Require free ports. Raises SettingsError naming the port that is in use."""
    problem = busy_port(
        {
            "SOUNDALIKE_PORT": (settings.host, settings.port),
            "SOUNDALIKE_DAGSTER_PORT": (LOOPBACK, settings.dagster_port),
        }
    )
    if problem:
        raise SettingsError(problem)


def _commands(settings: Settings) -> dict[str, list[str]]:
    """The commands by name; in development the API reloads, else it has several workers."""
    programs = Path(sys.executable).parent
    workspace = ["--workspace", str(PROJECT / "workspace.yaml")]
    development = settings.environment == "development"
    serving = ["--reload"] if development else ["--workers", str(settings.workers)]
    return {
        "the API": [
            *(sys.executable, "-P", "-m", "uvicorn", "serving.app:create_app", "--factory"),
            *("--host", settings.host, "--port", str(settings.port), "--no-access-log"),
            *serving,
        ],
        "Dagster's web server": [
            *(str(programs / "dagster-webserver"), *workspace, "--log-level", "warning"),
            # Always on loopback: it can start runs, and has no authentication.
            *("--host", LOOPBACK, "--port", str(settings.dagster_port)),
        ],
        "Dagster's daemon": [
            *(str(programs / "dagster-daemon"), "run", *workspace, "--log-level", "error"),
        ],
    }


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child in its own session, so that Ctrl-C is passed on to it once, and in order.

    Its own children (code servers, unfinished runs) are killed with it: a run can be repeated.
    """
    child = subprocess.Popen(command, env=environment, cwd=PROJECT, start_new_session=True)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            out.print(f"[dim]{Path(command[0]).name} did not stop in time and is killed[/dim]")
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _watch(children: dict[str, subprocess.Popen[bytes]], settings: Settings) -> None:
    """Wait until a child exits, which is an error: the others are stopped too.

    The private PostgreSQL is restarted if it was killed.
    """
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                raise SoundalikeError(
                    f"{name} exited unexpectedly (exit code {child.returncode}); see above"
                )
        try:
            restart_database(settings)
        except PostgresError as error:
            out.print(format_error(error))
        time.sleep(WATCH_SECONDS)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
