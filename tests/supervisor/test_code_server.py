"""The code server's socket: who can connect to it can run code, so nobody else may enter."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from soundalike.errors import SettingsError
from soundalike.postgres.location import socket_folder
from soundalike.supervisor.code_server import code_server


def test_its_folder_is_closed_to_others_also_if_it_was_open_before(tmp_path: Path) -> None:
    for _ in range(2):
        server = code_server(tmp_path / "dagster")
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
        server.socket.parent.chmod(0o777)
    server.socket.parent.chmod(0o700)


def test_the_workspace_leads_to_the_socket_and_a_killed_ones_is_gone(tmp_path: Path) -> None:
    server = code_server(tmp_path / "dagster")
    server.socket.touch()
    server.write_workspace()
    [loaded] = yaml.safe_load(server.workspace.read_text())["load_from"]
    assert loaded["grpc_server"]["socket"] == str(server.socket)
    assert not server.socket.exists()


@pytest.fixture
def in_temporary_folder(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A folder of Dagster's whose path is too long for a socket, and where the socket is instead.

    That is in the temporary folder, where every user may have put something before.
    """
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    private = socket_folder(folder.resolve())
    assert tmp_path not in private.parents
    yield folder, private
    if private.is_symlink():
        private.unlink()
    elif private.exists():
        private.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_a_folder_that_another_user_put_there_is_refused(
    in_temporary_folder: tuple[Path, Path],
) -> None:
    folder, private = in_temporary_folder
    private.mkdir(mode=0o700)
    os.chown(private, 65534, 65534)
    with pytest.raises(SettingsError, match="must be a folder of the user"):
        code_server(folder)


def test_a_link_that_leads_elsewhere_is_refused(
    in_temporary_folder: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, private = in_temporary_folder
    private.symlink_to(tmp_path)
    with pytest.raises(SettingsError, match="must be a folder of the user"):
        code_server(folder)
