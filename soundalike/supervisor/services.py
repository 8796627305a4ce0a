"""The services of `soundalike up`: the API and Dagster's three, as commands."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundalike.environment import dagster_folder
from soundalike.settings import Settings
from soundalike.supervisor.code_server import CodeServer, code_server
from soundalike.tcp_ports import LOOPBACK

PROGRAMS = Path(sys.executable).parent
JSON = ("--log-format", "json")


@dataclass(frozen=True)
class Service:
    """A program that runs as long as `up` does, and is started again when it ends.

    `log`: the log that its output belongs to. `socket`: later services are started when this
    accepts connections. `loads_pipeline`: it works only while it has a child of its own, which has
    loaded the pipeline's code; it ends after the others, which use it.
    """

    name: str
    log: str
    command: Sequence[str]
    socket: Path | None = None
    loads_pipeline: bool = False


# It marks runs whose process was killed as failed, and ends.
ORPHANED_RUNS = Service(
    "Dagster's list of runs", "dagster", (sys.executable, "-P", "-m", "pipelines.orphaned_runs")
)


def services(settings: Settings) -> list[Service]:
    """Return the services in the order of their start; the code server's files are prepared.

    Raises SettingsError if the code server's folder cannot be used.
    """
    server = code_server(dagster_folder(settings))
    server.write_workspace()
    return [
        Service("the API", "api", (sys.executable, "-P", "-m", "serving")),
        Service(
            *("Dagster's code server", "dagster", _code_server(server)),
            socket=server.socket,
            loads_pipeline=True,
        ),
        Service("Dagster's web server", "dagster", _web_server(settings, server)),
        Service("Dagster's daemon", "dagster", _daemon(server)),
    ]


def _code_server(server: CodeServer) -> list[str]:
    return [
        *(str(PROGRAMS / "dagster"), "code-server", "start", "--module-name", server.module),
        *("--socket", str(server.socket), "--location-name", server.location),
        *("--log-level", "warning", *JSON),
    ]


def _web_server(settings: Settings, server: CodeServer) -> list[str]:
    return [
        *(sys.executable, "-P", "-m", "pipelines.web_server", "--workspace", str(server.workspace)),
        *("--log-level", "warning", "--dagster-log-level", "warning", *JSON),
        # Always on loopback: it can start runs, and has no authentication.
        *("--host", LOOPBACK, "--port", str(settings.dagster_port)),
    ]


def _daemon(server: CodeServer) -> list[str]:
    return [
        *(sys.executable, "-P", "-m", "pipelines.daemon", "run"),
        *("--workspace", str(server.workspace)),
        *("--log-level", "error", *JSON),
    ]
