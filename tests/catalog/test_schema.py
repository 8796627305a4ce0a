"""The migrations must make exactly the tables that the code was written for."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text

from soundalike.catalog import track_lists
from soundalike.catalog.engine import Sessions, dagster_url, engine_of
from soundalike.catalog.search_words import record_words
from soundalike.catalog.tables import Base, FileWordsRow, TrackRow
from soundalike.catalog.upgrade import alembic_config, is_current, upgrade
from tests.conftest import new_database

A_LIBRARY = """
insert into roots (location) values ('/music');
insert into batches (id) values (1);
insert into tracks (id, batch_id, title, artist, genre, codec, sample_rate, channels, sort_key)
values ('1', 1, 'one', 'AC/DC', 'Latin; Pop', 'flac', 44100, 2, ''),
       ('2', 1, 'two', 'Simon; Garfunkel', null, 'flac', 44100, 2, ''),
       ('3', 1, 'three', null, null, 'flac', 44100, 2, '');
insert into files (root_id, path, shown, size, mtime_ns, batch_id, track_id, unread)
select 1, convert_to(id, 'UTF8'), id, 1, 1, 1, id, id = '2' from tracks;
"""


@pytest.fixture
def older_url(server_url: str) -> Iterator[str]:
    """A filled library of schema 0002."""
    with new_database(server_url) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("drop schema public cascade; create schema public"))
            command.upgrade(alembic_config(connection), "0002")
            connection.execute(text(A_LIBRARY))
        engine.dispose()
        yield url


def test_a_filled_older_library_keeps_its_names_and_has_its_tags_read_again(older_url: str) -> None:
    upgrade(older_url)
    engine = create_engine(older_url)
    with engine.connect() as connection:
        tracks = "select artists, genres, file_tags from tracks order by id"
        assert [tuple(row) for row in connection.execute(text(tracks))] == [
            (["AC/DC"], ["Latin", "Pop"], {}),
            (["Simon", "Garfunkel"], [], {}),
            ([], [], {}),
        ]
        # A file that was not read yet is to be read as a whole.
        versions = connection.scalars(text("select tags_version from files order by track_id"))
        assert list(versions) == [0, -1, 0]
    engine.dispose()


def test_migrations_and_models_agree(sessions: Sessions) -> None:
    with engine_of(sessions).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    assert is_current(database_url)
    upgrade(database_url)
    assert is_current(database_url)


def test_an_empty_database_is_not_current(database_url: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("drop table alembic_version"))
    assert not is_current(database_url)


OLDER = (
    "insert into roots (location) values ('/music')",
    "insert into batches (id) values (1)",
    "insert into tracks"
    " (id, batch_id, title, artist, genre, codec, sample_rate, channels, sort_key)"
    " select 'id' || n, 1, 'Stück ' || n, 'Simon & Co', 'Fado', 'flac', 44100, 2, 'key ' || n"
    " from generate_series(1, 2100) n",
    "insert into files (root_id, path, shown, size, mtime_ns, batch_id, track_id, unread)"
    " select 1, convert_to('R.E.M./' || n, 'UTF8'), 'R.E.M./' || n, 1, 1, 1, 'id' || n, false"
    " from generate_series(1, 2100) n",
    "insert into files (root_id, path, shown, size, mtime_ns, batch_id)"
    " values (1, 'unread', 'unread', 1, 1, 1)",
)


def test_an_upgrade_fills_the_words_of_what_was_there(
    database_url: str, sessions: Sessions
) -> None:
    """More rows than are written at once, and a file that was never read."""
    with engine_of(sessions).begin() as connection:
        connection.execute(text("drop schema public cascade; create schema public"))
        command.upgrade(alembic_config(connection), "0005")
        for statement in OLDER:
            connection.execute(text(statement))
    upgrade(database_url)
    filled = words_of(sessions)
    assert len(filled) == 2100
    with sessions.begin() as session:
        assert session.scalar(*track_lists.count("simon and co stuck rem")) == 2100
        record_words(session, filled)
    assert words_of(sessions) == filled


def words_of(sessions: Sessions) -> dict[str, Any]:
    """Names and words of each track, as they are stored."""
    columns = FileWordsRow.file_id, FileWordsRow.sort_key, FileWordsRow.words, TrackRow.names
    with sessions() as session:
        rows = session.execute(
            select(TrackRow.id, *columns).join(FileWordsRow, FileWordsRow.track_id == TrackRow.id)
        )
        return {id_: tuple(row) for id_, *row in rows}


def test_dagster_has_a_schema_of_its_own() -> None:
    url = dagster_url("postgresql+psycopg://u:p%40ss@/db?host=/run/x")
    assert url.startswith("postgresql+psycopg2://u:p%40ss@/db?")
    assert "options=-csearch_path%3Ddagster+-csynchronous_commit%3Doff" in url
    assert "host=%2Frun%2Fx" in url
