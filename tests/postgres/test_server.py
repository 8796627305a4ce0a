"""It starts whatever was left behind, harms nobody's connections, and says why it cannot start."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.pq import Ping
from structlog.testing import capture_logs

from soundalike.errors import PostgresError
from soundalike.postgres import server as server_module
from soundalike.postgres.recovery import POLL_SECONDS, await_recovery, is_stopping
from soundalike.postgres.server import Server
from soundalike.storage.locks import open_lock, try_exclusive
from tests.patience import until
from tests.postgres.users import ask, start_user, using


def pid_file(server: Server) -> Path:
    return server.home / "cluster" / "postmaster.pid"


def connection(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server._conninfo, autocommit=True)


def test_a_killed_server_starts_again(data: Path, server: Server) -> None:
    with using(data):
        killed = psutil.Process(int(pid_file(server).read_text().split()[0]))
        killed.kill()
        until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
        with using(data) as url:
            assert ask(url) == 1


@pytest.mark.slow
def test_a_server_that_a_killed_user_left_is_used_and_told_of(data: Path, server: Server) -> None:
    with start_user(data) as user:
        until(server.is_ready)
        user.kill()
    left = pid_file(server).read_text().split()[0]
    with capture_logs() as told, using(data) as url, using(data):
        assert ask(url) == 1
        assert pid_file(server).read_text().split()[0] == left
    assert [line["event"] for line in told if line["log_level"] == "warning"] == [
        "postgres.adopted"
    ]


def test_a_pid_that_now_belongs_to_another_process_is_neither_obeyed_nor_killed(
    data: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server.programs.account
    with subprocess.Popen(
        ["/bin/cat"],
        stdin=subprocess.PIPE,
        user=account.uid if account.other else None,
    ) as other:
        traces = (pid_file(server), server.home / ".s.PGSQL.5432.lock")
        for trace in traces:
            trace.write_text(f"{other.pid}\n{data}\n1\n5432\n\n\n\nready\n")
            os.chown(trace, account.uid, account.gid)
        with monkeypatch.context() as patched:
            patched.setattr(server_module, "TIMEOUT_SECONDS", 5)
            server.stop()
        assert other.poll() is None
        with using(data) as url:
            assert ask(url) == 1
        assert other.poll() is None
        other.communicate()


@pytest.mark.slow
def test_a_socket_nobody_listens_on_is_replaced(data: Path, server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(server.home / ".s.PGSQL.5432"))
    with using(data) as url:
        assert ask(url) == 1


def test_an_empty_pid_file_does_not_matter(data: Path, server: Server) -> None:
    pid_file(server).touch()
    with using(data) as url:
        assert ask(url) == 1


def test_a_running_server_holds_the_lock_that_shows_that_it_lives(
    data: Path, server: Server
) -> None:
    with using(data):
        descriptor = open_lock(server.home / "server.lock")
        assert not try_exclusive(descriptor)
    until(lambda: try_exclusive(descriptor))
    os.close(descriptor)


@pytest.mark.slow
def test_a_user_killed_while_the_server_starts_leaves_no_race(data: Path, server: Server) -> None:
    with start_user(data) as user:
        until(pid_file(server).exists)
        user.kill()
    with using(data) as url:
        assert ask(url) == 1


@pytest.mark.slow
def test_a_server_on_its_way_down_is_waited_for(data: Path, server: Server) -> None:
    with using(data) as url, closing(psycopg.connect(url.replace("+psycopg", ""))):
        os.kill(int(pid_file(server).read_text().split()[0]), signal.SIGTERM)
        until(lambda: not server.is_ready())  # but it lives until the connection ends
        with using(data) as again:
            assert ask(again) == 1


@pytest.mark.slow
def test_a_server_that_recovers_is_waited_for(data: Path, server: Server) -> None:
    """One of its processes was killed, for want of memory perhaps; the others begin anew."""
    with using(data) as url:
        running = pid_file(server).read_text().split()[0]
        for _ in range(3):
            with suppress(psycopg.OperationalError), connection(server) as client:
                psutil.Process(client.info.backend_pid).kill()
                client.execute("select 1")
            with using(data):
                assert ask(url) == 1
                assert pid_file(server).read_text().split()[0] == running


def test_a_server_that_rejects_for_a_moment_is_not_ended(
    data: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejections, ping = [Ping.REJECT] * 3, Server._ping
    with using(data):
        running = pid_file(server).read_text()
        monkeypatch.setattr(
            Server, "_ping", lambda it: rejections.pop() if rejections else ping(it)
        )
        assert server.ensure() is False
        assert rejections == []
        assert pid_file(server).read_text() == running


def test_only_the_status_in_the_pid_file_tells_that_a_server_stops(tmp_path: Path) -> None:
    """Its second line is the user's folder, which may be called anything."""
    pid = tmp_path / "cluster" / "postmaster.pid"
    pid.parent.mkdir()
    for status, stops in (("ready   ", False), ("stopping", True)):
        pid.write_text(f"7\n/music/stopping/cluster\n1\n5432\n/s\n\n 1 2\n{status}\n")
        assert is_stopping(tmp_path) == stops
    pid.write_text("7\n")
    assert not is_stopping(tmp_path)


@pytest.mark.parametrize(
    ("line", "waits"),
    [("LOG:  redo in progress", True), ("FATAL:  the database system is starting up", False)],
)
def test_a_recovery_is_waited_for_while_it_tells_progress(
    tmp_path: Path, line: str, waits: bool
) -> None:
    """However long it takes; that it refuses clients, as our own pings, tells of none."""
    asked = []

    def rejects() -> bool:
        asked.append(line)
        (tmp_path / "server.log").write_text("\n".join([*asked, ""]))
        return len(asked) < 8

    await_recovery(tmp_path, rejects, most_seconds=3.5 * POLL_SECONDS)
    assert (len(asked) == 8) == waits


@pytest.mark.slow
def test_a_server_that_accepts_nothing_for_long_is_started_anew(
    data: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.postgres.server.TIMEOUT_SECONDS", 1)
    with using(data) as url, connection(server):
        running = pid_file(server).read_text().split()[0]
        os.kill(int(running), signal.SIGTERM)  # it waits for its last client to leave
        until(lambda: not server.is_ready())
        told = pid_file(server).read_text()
        pid_file(server).write_text(told.replace("stopping", "starting"))
        with using(data):
            assert ask(url) == 1
            assert pid_file(server).read_text().split()[0] != running


@pytest.mark.slow
def test_a_server_without_a_free_connection_is_left_alone(data: Path, server: Server) -> None:
    with using(data) as url, ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(url.replace("+psycopg", ""))) for _ in range(100)
        ]
        with pytest.raises(PostgresError, match="too many clients"), using(data):
            pass
        assert connections[0].execute("select 1").fetchone() == (1,)


def test_a_server_that_cannot_start_says_why(data: Path, server: Server) -> None:
    settings = server.home / "cluster" / "postgresql.conf"
    sound = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    saying = r"(?s)does not start.*server\.log.*no_such_setting"
    with pytest.raises(PostgresError, match=saying), using(data):
        pass
    settings.write_text(sound)
