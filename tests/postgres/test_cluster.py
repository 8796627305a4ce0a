"""The cluster is whole or made again, and never opened by another version."""

from pathlib import Path

import pytest

from soundalike.errors import PostgresError
from soundalike.postgres.account import server_account
from tests.postgres.users import ask, start_user, using, wait_until


def home_of(data: Path) -> Path:
    home = data / "postgres"
    server_account().make_private(home)
    return home


def test_a_half_made_cluster_is_made_again(empty_data: Path) -> None:
    half = home_of(empty_data) / "cluster.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with using(empty_data) as url:
        assert ask(url) == 1
    assert not half.exists()


def test_a_user_killed_during_initdb_leaves_no_race(empty_data: Path) -> None:
    with start_user(empty_data) as user:
        wait_until((empty_data / "postgres" / "cluster.new" / "base").exists)
        user.kill()
    with using(empty_data) as url:
        assert ask(url) == 1
    assert not (empty_data / "postgres" / "cluster.new").exists()


@pytest.mark.parametrize(("content", "named"), [("17\n", "17"), (None, "an unknown version")])
def test_a_cluster_of_another_version_is_refused(
    empty_data: Path, content: str | None, named: str
) -> None:
    cluster = home_of(empty_data) / "cluster"
    server_account().make_private(cluster)
    if content:
        (cluster / "PG_VERSION").write_text(content)
    with (
        pytest.raises(PostgresError, match=f"was made by PostgreSQL {named}.*installed is 18"),
        using(empty_data),
    ):
        pass
    assert cluster.is_dir()
