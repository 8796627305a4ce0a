"""One server for all who use it, gone with the last of them, however they end."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from soundalike.postgres import connected_database
from soundalike.postgres.server import Server
from soundalike.settings import Settings
from tests.postgres.users import ask, start_user, url_of, using


def test_a_database_url_is_passed_through_and_nothing_is_started(empty_data: Path) -> None:
    settings = Settings(data=empty_data, DATABASE_URL="postgresql://somebody@example/catalog")
    with connected_database(settings) as url:
        assert url == "postgresql+psycopg://somebody@example/catalog"
    assert list(empty_data.iterdir()) == []


def test_it_starts_from_nothing_and_is_durable(empty_data: Path) -> None:
    with connected_database(Settings(data=empty_data)) as url:
        assert ask(url) == 1
        assert ask(url, "show fsync") == "on"
        assert ask(url, "show listen_addresses") == ""
        assert ask(url, "select 'FÜR' ilike 'für'") is True
        socket_folder = Path(str(make_url(url).query["host"]))
    assert socket_folder.stat().st_mode & 0o077 == 0


def test_nested_users_share_it_and_the_last_one_stops_it(data: Path, server: Server) -> None:
    with using(data) as outer:
        with using(data) as inner:
            assert inner == outer
        assert ask(outer) == 1
    assert not server.is_ready()


@pytest.mark.slow
def test_threads_share_it_and_the_last_one_stops_it(data: Path, server: Server) -> None:
    together = threading.Barrier(4)

    def use(_: int) -> object:
        with using(data) as url:
            together.wait(timeout=20)
            return ask(url)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [1, 1, 1, 1]
    assert not server.is_ready()


@pytest.mark.slow
def test_processes_that_begin_at_once_share_it(empty_data: Path) -> None:
    with start_user(empty_data) as first, start_user(empty_data) as second:
        urls = {url_of(first), url_of(second)}
        assert len(urls) == 1
        first.communicate()
        assert ask(urls.pop()) == 1
        second.communicate()
    assert not (empty_data / "postgres/cluster/postmaster.pid").exists()


@pytest.mark.slow
def test_a_killed_user_is_not_counted(data: Path, server: Server) -> None:
    with start_user(data) as user:
        url_of(user)
        user.kill()
    assert server.is_ready(), "a killed process cannot stop it"
    with using(data) as url:
        assert ask(url) == 1
    assert not server.is_ready()


@pytest.mark.slow
def test_a_child_forked_in_the_block_is_not_counted(data: Path, server: Server) -> None:
    wait, end = os.pipe()
    with using(data):
        child = os.fork()
        if child == 0:
            os.close(end)
            os.read(wait, 1)
            os._exit(0)
    assert not server.is_ready()
    with using(data) as url:
        assert ask(url) == 1, "the child must not hold a lock either"
    os.close(end)
    os.waitpid(child, 0)


@pytest.mark.slow
def test_an_error_in_the_block_comes_out_and_the_server_stops(data: Path, server: Server) -> None:
    with pytest.raises(ValueError, match="ours"), using(data):
        raise ValueError("ours")
    assert not server.is_ready()


@pytest.mark.slow
def test_the_callers_pgport_does_not_hide_it(
    data: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    with using(data) as outer:
        assert ask(outer) == 1
        monkeypatch.delenv("PGPORT")
        with using(data) as inner:
            assert ask(inner) == 1
