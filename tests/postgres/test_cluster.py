"""The cluster is whole or made again, and never opened by another version."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from soundalike.errors import PostgresError
from soundalike.postgres.account import server_account
from soundalike.postgres.binaries import Programs
from soundalike.postgres.cluster import ensure_cluster
from soundalike.storage.atomic import fsync
from tests.patience import until
from tests.postgres.users import ask, start_user, using
from tests.storage.power_cut import power_cuts


def home_of(data: Path) -> Path:
    home = data / "postgres"
    server_account().make_private(home)
    return home


@pytest.mark.slow
def test_a_half_made_cluster_is_made_again(empty_data: Path) -> None:
    half = home_of(empty_data) / "cluster.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with using(empty_data) as url:
        assert ask(url) == 1
    assert not half.exists()


@pytest.mark.slow
def test_a_user_killed_during_initdb_leaves_no_race(empty_data: Path) -> None:
    with start_user(empty_data) as user:
        until((empty_data / "postgres" / "cluster.new" / "base").exists)
        user.kill()
    with using(empty_data) as url:
        assert ask(url) == 1
    assert not (empty_data / "postgres" / "cluster.new").exists()


class Recorded(Programs):
    """Programs that note their words and what they hold, and make of a cluster only its folder."""

    words: ClassVar[list[str]] = []
    held: ClassVar[list[int | None]] = []

    def run(
        self, program: str, *words: str, cwd: Path, holding: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Note the words."""
        self.words[:], self.held[:] = [program, *words], [holding]
        made = cwd / "cluster.new"
        made.mkdir()
        (made / "PG_VERSION").write_text("18\n")
        for path in (made / "PG_VERSION", made):  # as initdb does
            fsync(path)
        return subprocess.CompletedProcess([program, *words], 0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads files through /proc")
@pytest.mark.parametrize("durable", [True, False])
def test_a_new_cluster_survives_a_power_cut_by_its_own_sync_and_ours(
    tmp_path: Path, durable: bool
) -> None:
    """initdb syncs what is in it, unless it is told not to; its name is for us to sync."""
    with power_cuts(tmp_path) as disk:
        programs = Recorded(Path("/nowhere"), server_account())
        ensure_cluster(tmp_path, programs, durable=durable, holding=0)
        assert disk.durable().keys() == {"cluster/PG_VERSION"}
    assert ("--no-sync" not in Recorded.words) == durable


def test_initdb_holds_the_lock_of_who_starts_it(tmp_path: Path) -> None:
    programs = Recorded(Path("/nowhere"), server_account())
    ensure_cluster(tmp_path, programs, durable=False, holding=7)
    assert Recorded.held == [7]


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
