"""The library that commands open: of this version's schema, or named in plain words."""

import socket
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import up_lock
from soundalike.cli.library import existing_library
from soundalike.errors import LibraryError
from soundalike.settings import Settings
from tests.cli.test_read_only import run


@pytest.mark.parametrize(
    ("revision", "named"),
    [("0003", "run `soundalike db upgrade`"), ("9999", "newer version of soundalike")],
)
def test_a_catalog_of_another_version_is_named(
    sessions: Sessions, database_url: str, revision: str, named: str
) -> None:
    with sessions.begin() as session:
        session.execute(text(f"update alembic_version set version_num = '{revision}'"))
    with (
        pytest.raises(LibraryError, match=named),
        existing_library(Settings(DATABASE_URL=database_url)),
    ):
        raise AssertionError("it was opened")


def doctor(database_url: str, tmp_path: Path, port: int) -> subprocess.CompletedProcess[str]:
    settings = {"DATABASE_URL": database_url, "SOUNDALIKE_PORT": str(port)}
    return run("doctor", tmp_path / "none", COLUMNS="400", **settings)


@pytest.mark.slow
def test_a_port_in_use_is_a_problem_unless_up_uses_it(
    sessions: Sessions, database_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = doctor(database_url, tmp_path, port)
        assert f"port {port} on 127.0.0.1 is not free" in found.stdout
        with up_lock(sessions):
            found = doctor(database_url, tmp_path, port)
    assert "`soundalike up` is running" in found.stdout
    assert "is not free" not in found.stdout
