"""The private server must start whatever a killed process left, and stop when nobody needs it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from soundalike.errors import PostgresError
from soundalike.postgres import connected_database
from soundalike.postgres.account import server_account
from soundalike.postgres.server import Server, private_server
from soundalike.settings import Settings


@pytest.fixture
def data(open_folder: Path) -> Path:
    return open_folder


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """The server of `data`, stopped at the end whatever the test did."""
    made = private_server(data, durable=False)
    yield made
    if made._answers():
        made.stop()


def one(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        answer = connection.execute(text("select 1")).scalar_one()
    engine.dispose()
    return int(answer)


def test_a_database_url_is_passed_through_and_nothing_is_started(data: Path) -> None:
    settings = Settings(data=data, DATABASE_URL="postgresql://somebody@example/catalog")
    with connected_database(settings) as url:
        assert url == "postgresql+psycopg://somebody@example/catalog"
    assert list(data.iterdir()) == []


def test_nested_users_share_it_and_the_last_one_stops_it(data: Path, server: Server) -> None:
    settings = Settings(data=data)
    with connected_database(settings, durable=False) as outer:
        with connected_database(settings, durable=False) as inner:
            assert inner == outer
        assert one(outer) == 1
    assert not server._answers()


def test_it_listens_on_no_network(data: Path, server: Server) -> None:
    with connected_database(Settings(data=data), durable=False) as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(text("show listen_addresses")).scalar_one() == ""
        engine.dispose()
    assert server.home.stat().st_mode & 0o077 == 0


USER = """
import sys
from pathlib import Path
from soundalike.postgres import connected_database
from soundalike.settings import Settings
with connected_database(Settings(data=Path(sys.argv[1])), durable=False):
    print("ready", flush=True)
    sys.stdin.read()
"""


def other_process(data: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", USER, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_another_process_keeps_it_running(data: Path, server: Server) -> None:
    with other_process(data) as child:
        with connected_database(Settings(data=data), durable=False) as url:
            assert one(url) == 1
        assert server._answers()
        child.communicate()
    assert not server._answers()


def test_what_a_killed_process_left_is_used_and_then_stopped(data: Path, server: Server) -> None:
    with other_process(data) as child:
        child.kill()
    assert server._answers(), "a killed process cannot stop it"
    with connected_database(Settings(data=data), durable=False) as url:
        assert one(url) == 1
    assert not server._answers()


def test_a_killed_server_leaves_a_pid_file_that_does_not_matter(data: Path, server: Server) -> None:
    pid_file = server.cluster / "postmaster.pid"
    with connected_database(Settings(data=data), durable=False):
        killed = psutil.Process(int(pid_file.read_text().split()[0]))
        killed.kill()
        deadline = time.monotonic() + 10
        while killed.is_running() and killed.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
    assert pid_file.exists()
    with connected_database(Settings(data=data), durable=False) as url:
        assert one(url) == 1


def test_a_pid_that_now_belongs_to_another_process_does_not_matter(
    data: Path, server: Server
) -> None:
    with connected_database(Settings(data=data), durable=False):
        pid_file = server.cluster / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    os.chown(pid_file, server.account.uid, server.account.gid)
    with connected_database(Settings(data=data), durable=False) as url:
        assert one(url) == 1


def test_a_half_made_cluster_is_made_again(data: Path, server: Server) -> None:
    half = server.home / "cluster.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    with connected_database(Settings(data=data), durable=False) as url:
        assert one(url) == 1


def test_a_path_too_long_for_a_socket_is_fine(open_folder: Path) -> None:
    data = open_folder / ("x" * 120)
    with connected_database(Settings(data=data), durable=False) as url:
        assert one(url) == 1
        folder = Path(str(make_url(url).query["host"]))
        assert folder.stat().st_mode & 0o077 == 0


def test_anothers_folder_in_place_of_the_socket_is_refused(data: Path, server: Server) -> None:
    server.socket_folder.symlink_to(data)
    with (
        pytest.raises(PostgresError, match="socket is not a folder of the user"),
        connected_database(Settings(data=data), durable=False),
    ):
        pass


def test_a_cluster_of_another_version_is_named(data: Path, server: Server) -> None:
    server.cluster.mkdir()
    (server.cluster / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(PostgresError, match="was made by PostgreSQL 12, this is 18"),
        connected_database(Settings(data=data), durable=False),
    ):
        pass


def test_a_server_that_cannot_start_says_why(data: Path, server: Server) -> None:
    with connected_database(Settings(data=data), durable=False):
        pass
    (server.cluster / "postgresql.conf").write_text("no_such_setting = 1\n")
    with (
        pytest.raises(PostgresError, match="no_such_setting"),
        connected_database(Settings(data=data), durable=False),
    ):
        pass


def test_a_data_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PostgresError, match="cannot hold a private PostgreSQL"),
        connected_database(Settings(data=tmp_path / "file" / "data")),
    ):
        pass


def test_lower_case_knows_more_than_ascii(server_url: str) -> None:
    with psycopg.connect(
        host=str(make_url(server_url).query["host"]), user="soundalike", dbname="soundalike"
    ) as connection:
        assert connection.execute("select 'FÜR' ilike 'für'").fetchone() == (True,)


def test_as_root_the_server_runs_as_nobody_and_else_as_ourselves() -> None:
    account = server_account()
    assert account.other == (os.geteuid() == 0)
    assert account.uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another place")
def test_a_data_root_closed_to_others_puts_the_server_elsewhere(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with connected_database(Settings(data=closed / "data"), durable=False) as url:
        assert one(url) == 1
        home = Path(str(make_url(url).query["host"])).parent
    assert home.is_relative_to("/var/lib/soundalike")
    assert closed.stat().st_mode & 0o777 == 0o700, "no permission of ours to loosen"
    shutil.rmtree(home)
