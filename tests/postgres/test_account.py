"""PostgreSQL never runs as root, and nobody else's rights grow for it."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.errors import PostgresError
from soundalike.postgres.account import Account, server_account


def test_the_server_runs_as_nobody_for_root_and_else_as_ourselves() -> None:
    account = server_account()
    assert account.other == (os.geteuid() == 0)
    words = account.run("/bin/sh", "-c", "id -u; id -G", cwd=Path("/")).stdout.split()
    assert words[0] == str(account.uid) != "0"
    assert "0" not in words


@pytest.mark.skipif(os.geteuid() != 0, reason="for others the user stays the same")
def test_no_group_of_root_is_kept() -> None:
    code = (
        "from pathlib import Path\n"
        "from soundalike.postgres.account import server_account\n"
        "print(server_account().run('/bin/sh', '-c', 'id -G', cwd=Path('/')).stdout)"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, extra_groups=[0, 4], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(server_account().gid)]


def test_what_the_caller_set_for_a_server_of_theirs_is_not_for_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("SOUNDALIKE_SAID", "2")
    ended = server_account().run("/bin/sh", "-c", "echo $PGPORT,$SOUNDALIKE_SAID", cwd=Path("/"))
    assert ended.stdout == ",2\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="for others no such user is needed")
def test_a_system_without_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(PostgresError, match="run it as the user nobody"):
        server_account()


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    ours = Account("ourselves", os.geteuid(), os.getegid())
    folder = tmp_path / "private"
    folder.mkdir(mode=0o755)
    ours.make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands folders over")
def test_a_folder_whose_maker_was_killed_is_handed_over(tmp_path: Path) -> None:
    account = server_account()
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    account.make_private(folder)
    assert folder.stat().st_uid == account.uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands folders over")
def test_a_folder_with_something_of_ours_in_it_is_not_given_away(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "file").touch()
    with pytest.raises(PostgresError, match="must be a folder of nobody"):
        server_account().make_private(folder)
    assert folder.stat().st_uid == 0


@pytest.mark.parametrize("what", ["link", "file"])
def test_what_is_no_folder_is_not_followed(tmp_path: Path, what: str) -> None:
    ours = Account("ourselves", os.geteuid(), os.getegid())
    place = tmp_path / "private"
    if what == "link":
        place.symlink_to(tmp_path)
    else:
        place.touch()
    with pytest.raises(PostgresError, match="must be a folder of ourselves"):
        ours.make_private(place)
