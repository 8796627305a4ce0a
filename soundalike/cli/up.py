"""`soundalike up`: PostgreSQL if needed, migrations, Dagster, the API; Ctrl-C stops all."""

import signal
from contextlib import closing, suppress
from types import FrameType

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.activity import Activity, activity
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.library_settings import adopt, library_space, read
from soundalike.catalog.process_locks import up_lock
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import child_environment, dagster_folder, logs_folder
from soundalike.errors import SettingsError
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.supervisor.kept_database import KeptDatabase
from soundalike.supervisor.log_files import LogFiles, ServiceOutput
from soundalike.supervisor.restarts import Deaths
from soundalike.supervisor.service_processes import ServiceProcesses
from soundalike.supervisor.services import ORPHANED_RUNS, services
from soundalike.supervisor.status import Link, LiveStatus, Status
from soundalike.supervisor.supervisor import Supervisor
from soundalike.supervisor.systemd import notify
from soundalike.tcp_ports import LOOPBACK, Addresses, busy_port, same_port

out = Console(stderr=True)


def up() -> None:
    """Serve the API and the Dagster UI until Ctrl-C."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt_once)
    try:
        settings = load_settings()
        require_key_beyond_loopback(settings)
        _require_two_ports(settings)  # before anything is created
        with ServiceProcesses(dagster_folder(settings) / "services") as processes:
            processes.end_former(_print)
            require_free_ports(settings)
            with connected_database(settings) as url:
                upgrade(url)
                _serve(settings, url, processes)
    except KeyboardInterrupt:
        out.print("stopped")


def _serve(settings: Settings, url: str, processes: ServiceProcesses) -> None:
    sessions = open_catalog(url)
    library_space(sessions, adopt(sessions, settings))  # refused here rather than by every run
    status = _status(settings, sessions)
    output = LogFiles(logs_folder(settings), status.note) if out.is_terminal else ServiceOutput()
    database = KeptDatabase(settings, sessions, Deaths(), status.report)
    loaded = _space_key(sessions)

    def look() -> bool:
        nonlocal loaded
        notify("WATCHDOG=1")
        answers = database.answers()
        with suppress(SQLAlchemyError):  # it went away in between, perhaps
            if answers and (space := _space_key(sessions)) != loaded:
                loaded = space
                supervisor.load_pipeline_again()  # or the UI shows the old space as up to date
        status.refresh()
        return answers

    environment = child_environment(settings, url)
    supervisor = Supervisor(environment, output, processes, status.report, look)
    with up_lock(sessions), closing(output), supervisor:
        try:
            with status:
                supervisor.run(ORPHANED_RUNS)
                supervisor.start(services(settings))
                status.started()
                notify("READY=1")
                while True:
                    supervisor.watch()
        except KeyboardInterrupt:
            out.print("stopping")
            raise
        finally:
            notify("STOPPING=1")


def _print(sentence: str) -> None:
    out.print(sentence, highlight=False)


def _links(settings: Settings) -> list[Link]:
    """Return what a person opens."""
    api, dagster = (settings.host, settings.port), (LOOPBACK, settings.dagster_port)
    return [
        Link("Listen", f"http://{api[0]}:{api[1]}/", *api),
        Link("Dagster UI", f"http://{dagster[0]}:{dagster[1]}", *dagster),
    ]


def _status(settings: Settings, sessions: Sessions) -> Status:
    """Return the status: on a terminal a table that asks the catalog every few seconds."""

    def now() -> Activity:
        with sessions() as session:
            library = read(session)
            return activity(session, library.space if library else "")

    if out.is_terminal:
        return LiveStatus(out, _links(settings), now, logs_folder(settings))
    return Status(out, _links(settings))


def _space_key(sessions: Sessions) -> str | None:
    """The key of the library's embedding space, which `soundalike space switch` changes."""
    with sessions() as session:
        library = read(session)
        return library.space if library else None


def require_free_ports(settings: Settings) -> None:
    """Require free ports. Raises SettingsError naming the port that is in use."""
    if problem := busy_port(_addresses(settings)):
        raise SettingsError(problem)


def _require_two_ports(settings: Settings) -> None:
    if problem := same_port(_addresses(settings)):
        raise SettingsError(problem)


def _addresses(settings: Settings) -> Addresses:
    return {
        "SOUNDALIKE_PORT": (settings.host, settings.port),
        "SOUNDALIKE_DAGSTER_PORT": (LOOPBACK, settings.dagster_port),
    }


def _interrupt_once(_signal: int, _frame: FrameType | None) -> None:
    """Begin to stop; further signals change nothing, as everything ends in bounded time."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt
