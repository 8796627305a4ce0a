"""`soundalike up`: PostgreSQL if needed, migrations, Dagster, the API; Ctrl-C stops all."""

import signal
from types import FrameType

from rich.console import Console

from soundalike.catalog.engine import open_catalog, up_lock
from soundalike.catalog.upgrade import upgrade
from soundalike.embedders import space_for
from soundalike.environment import child_environment
from soundalike.errors import PostgresError, SettingsError
from soundalike.postgres import connected_database, restart_database
from soundalike.settings import Settings, load_settings, require_key_beyond_loopback
from soundalike.supervisor.services import services
from soundalike.supervisor.supervisor import Supervisor
from soundalike.tcp_ports import LOOPBACK, busy_port
from soundalike.terminal import format_error

out = Console(stderr=True)


def up() -> None:
    """Serve the API and the Dagster UI until Ctrl-C."""
    settings = load_settings()
    require_key_beyond_loopback(settings)
    require_free_ports(settings)
    space_for(settings)  # an unavailable model would fail every run
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt_once)
    try:
        _serve(settings)
    except KeyboardInterrupt:
        out.print("stopped")


def _serve(settings: Settings) -> None:
    with connected_database(settings) as url:
        upgrade(url)
        environment = child_environment(settings, url)
        with up_lock(open_catalog(url)), Supervisor(environment, out.print) as supervisor:
            for service in services(settings):
                supervisor.start(service)
            out.print(f"API         http://{settings.host}:{settings.port}/docs")
            out.print(f"Dagster UI  http://{LOOPBACK}:{settings.dagster_port}")
            out.print("Ctrl-C stops both")
            while True:
                supervisor.watch()
                _keep_database(settings)


def _keep_database(settings: Settings) -> None:
    """Restart the private PostgreSQL if it was killed."""
    try:
        restart_database(settings)
    except PostgresError as error:
        out.print(format_error(error))


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


def _interrupt_once(_signal: int, _frame: FrameType | None) -> None:
    """Begin to stop; further signals change nothing, as everything ends in bounded time."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    out.print("stopping")
    raise KeyboardInterrupt
