"""A database that went away must be told of once, and a private one started again, not for ever."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.errors import SoundalikeError, StorageError
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.supervisor import kept_database as module
from soundalike.supervisor.kept_database import KeptDatabase
from soundalike.supervisor.restarts import Deaths, RestartPolicy
from tests.patience import until

QUICK = RestartPolicy(delays=(0.0,), max_deaths=2)


@pytest.fixture
def private(open_folder: Path) -> Iterator[tuple[Settings, Sessions]]:
    settings = Settings(data=open_folder / "data")
    with connected_database(settings) as url:
        sessions = open_catalog(url)
        yield settings, sessions
        sessions.kw["bind"].dispose()


def kill(settings: Settings, number: signal.Signals = signal.SIGKILL) -> None:
    pid_file = settings.data / "postgres" / "cluster" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), number)


@pytest.mark.slow
def test_a_private_server_that_is_killed_is_back_and_given_up_if_it_keeps_dying(
    private: tuple[Settings, Sessions], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, sessions = private
    told: list[str] = []
    database = KeptDatabase(settings, sessions, Deaths(QUICK), told.append)
    assert database.answers()
    kill(settings)

    def full(_: Path) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(module, "require_free_space", full)
        until(lambda: not database.answers())  # its processes outlive it by a moment
        for _ in range(2 * QUICK.max_deaths):
            assert not database.answers()
    until(database.answers)
    assert told[-1] == "PostgreSQL answers again"
    assert "does not answer" in told[0]
    assert "the private PostgreSQL died: it was started again" in told
    kill(settings)
    with pytest.raises(SoundalikeError, match="2 times in 10 minutes"):
        until(lambda: database.answers() and None)


def test_a_private_server_that_waits_for_its_clients_to_go_is_started_again(
    private: tuple[Settings, Sessions],
) -> None:
    """SIGTERM, as of `kill`: who is connected is answered, and whoever comes is refused."""
    settings, sessions = private
    told: list[str] = []
    database = KeptDatabase(settings, sessions, Deaths(QUICK), told.append)
    with sessions() as connected:
        connected.execute(select(1))
        assert database.answers()
        kill(settings, signal.SIGTERM)
        until(lambda: not database.answers())
        until(database.answers)
        connected.invalidate()
    assert "shutting down" in told[0]
    assert told[1:] == [
        "the private PostgreSQL died: it was started again",
        "PostgreSQL answers again",
    ]


def test_the_server_of_another_is_only_asked_and_never_given_up() -> None:
    told: list[str] = []
    away = "postgresql+psycopg://soundalike@127.0.0.1:1/none"
    sessions = sessionmaker(create_engine(away))
    database = KeptDatabase(Settings(DATABASE_URL=away), sessions, Deaths(QUICK), told.append)
    assert [database.answers() for _ in range(2 * QUICK.max_deaths)] == [False] * 4
    assert len(told) == 1
