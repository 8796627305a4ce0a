"""Dagster's code server: where it listens, and the workspace that leads others to it.

Web server and daemon share the one that `up` keeps, instead of each starting its own.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import yaml

from soundalike.environment import PROJECT
from soundalike.errors import SettingsError
from soundalike.postgres.location import socket_folder
from soundalike.storage.atomic import atomic_file

SOCKET = "code.sock"  # not longer than PostgreSQL's, for which `socket_folder` makes room
WORKSPACE = "workspace.yaml"


@dataclass(frozen=True)
class CodeServer:
    """The module that the code server loads, its location's name in Dagster, and its socket."""

    module: str
    location: str
    socket: Path
    workspace: Path

    def write_workspace(self) -> None:
        """Write the workspace file that names the socket, and remove a socket left by a kill."""
        server = {"socket": str(self.socket), "location_name": self.location}
        with atomic_file(self.workspace) as temporary:
            temporary.write_text(
                f"# Written by `soundalike up` from {PROJECT / WORKSPACE}.\n"
                + yaml.safe_dump({"load_from": [{"grpc_server": server}]})
            )
        self.socket.unlink(missing_ok=True)


def code_server(folder: Path) -> CodeServer:
    """Return the code server of Dagster's folder in a data root, which is made if need be.

    Its socket is in a folder that only this user may enter: who can connect can run code. Raises
    SettingsError if that folder is somebody else's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private = socket_folder(folder.resolve())
    _make_private(private)
    loaded = yaml.safe_load((PROJECT / WORKSPACE).read_text())["load_from"][0]["python_module"]
    return CodeServer(
        module=loaded["module_name"],
        location=loaded["location_name"],
        socket=private / SOCKET,
        workspace=folder / WORKSPACE,
    )


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
        raise SettingsError(
            f"{folder} must be a folder of the user that runs `soundalike up`, for the socket of "
            "Dagster's code server; move it away, or set SOUNDALIKE_DATA to a shorter path"
        )
    folder.chmod(0o700)
