"""The server finds a place for any data root, always the same, and loosens no permission."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from soundalike.errors import PostgresError
from soundalike.postgres.account import server_account
from soundalike.postgres.location import MAX_SOCKET_BYTES, SOCKET, find_home, socket_folder
from tests.postgres.users import ask, using

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another place")


def host(url: str) -> Path:
    return Path(str(make_url(url).query["host"]))


@contextmanager
def renamed(data: Path, name: str) -> Iterator[Path]:
    other = data.rename(data.with_name(name))
    yield other
    other.rename(data)


@pytest.mark.parametrize("name", ["x" * 120, 'Bob\'s $HOME, new: 50% "öffentlich"'])
def test_a_path_that_cannot_name_a_socket_gets_a_short_private_one(data: Path, name: str) -> None:
    with renamed(data, name) as odd, using(odd) as url:
        assert ask(url) == 1
        assert host(url).parent == Path("/tmp")
        assert host(url).stat().st_mode & 0o077 == 0
    assert not host(url).exists()


def test_a_socket_has_the_longest_name_that_it_may_have() -> None:
    name = "x" * (MAX_SOCKET_BYTES - len(SOCKET) - 2)
    assert socket_folder(Path(f"/{name}")) == Path(f"/{name}")
    assert socket_folder(Path(f"/{name}x")).parent == Path("/tmp")


def test_a_socket_folder_planted_by_another_is_refused(data: Path, open_folder: Path) -> None:
    with renamed(data, "x" * 120) as long:
        planted = socket_folder(long / "postgres")
        planted.symlink_to(open_folder)
        try:
            with pytest.raises(PostgresError, match=f"{planted} must be a folder of"), using(long):
                pass
        finally:
            planted.unlink()


@pytest.mark.slow
def test_two_names_of_one_data_root_are_one_server(data: Path, open_folder: Path) -> None:
    link = open_folder / "link"
    link.symlink_to(data)
    with using(data) as one, using(link) as other:
        assert one == other


def test_a_data_root_that_is_no_folder_is_named(tmp_path: Path) -> None:
    data = tmp_path / "file" / "data"
    data.parent.touch()
    with pytest.raises(PostgresError, match=f"the data root {data} cannot hold"), using(data):
        pass


def test_a_lock_that_cannot_be_opened_is_named_with_the_data_root(empty_data: Path) -> None:
    home = find_home(empty_data, server_account())
    (home / "deciding.lock").mkdir()
    with pytest.raises(PostgresError, match=f"the data root {empty_data} cannot hold"):
        using(empty_data).__enter__()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_root_that_cannot_be_written_is_named(empty_data: Path) -> None:
    empty_data.chmod(0o500)
    with pytest.raises(PostgresError, match=r"cannot hold.*Permission denied"), using(empty_data):
        pass


@as_root
def test_a_folder_of_another_user_is_refused(empty_data: Path) -> None:
    (empty_data / "postgres").mkdir()
    os.chown(empty_data / "postgres", 12345, 12345)
    with pytest.raises(PostgresError, match="it is of uid 12345"), using(empty_data):
        pass


def copied(data: Path, folder: Path) -> Path:
    """Copy a data root as `cp -r` does, which keeps neither owners nor modes."""
    copy = folder / "it's a copy"
    shutil.copytree(
        data, copy, ignore=shutil.ignore_patterns(SOCKET), copy_function=shutil.copyfile
    )
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.mark.slow
@as_root
def test_a_copy_of_another_owner_is_refused_with_the_line_that_mends_it(
    data: Path, open_folder: Path
) -> None:
    copy = copied(data, open_folder)
    with pytest.raises(PostgresError) as refused, using(copy):
        pass
    first, mending, last = str(refused.value).splitlines()
    assert "it is of uid 0, as after copying" in first
    assert last.endswith("move it away, which begins with an empty catalog.")
    command = mending.partition("as root: ")[2]
    assert command.startswith("chown -R nobody ")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    with using(copy) as url:
        assert ask(url) == 1


@pytest.mark.slow
@as_root
def test_a_copy_of_which_only_the_outer_folder_was_given_back_is_named(
    data: Path, open_folder: Path
) -> None:
    home = copied(data, open_folder) / "postgres"
    os.chown(home, server_account().uid, -1)
    with pytest.raises(PostgresError, match=r"cluster must be a folder of nobody.*\n.*chown -R"):
        find_home(home.parent, server_account())


@pytest.mark.slow
def test_a_copy_made_while_the_server_ran_starts_beside_it(data: Path, open_folder: Path) -> None:
    account = server_account()
    with using(data) as url:
        copy = copied(data, open_folder)
        assert (copy / "postgres" / "cluster" / "postmaster.pid").exists()
        for path in [copy / "postgres", *(copy / "postgres").rglob("*")]:
            os.chown(path, account.uid, account.gid)
        with using(copy) as other:
            assert (ask(url), ask(other)) == (1, 1)
            assert url != other


@as_root
def test_a_closed_data_root_stays_closed_and_its_server_stays_elsewhere(
    empty_data: Path, outside: Path
) -> None:
    empty_data.chmod(0o700)
    home = find_home(empty_data, server_account())
    assert home.parent == outside
    assert (empty_data / "postgres" / "location.txt").read_text().startswith(f"{home}\n")
    assert empty_data.stat().st_mode & 0o777 == 0o700
    empty_data.chmod(0o755)
    again = find_home(empty_data, server_account())
    assert again == home, "another place would show an empty catalog"


@as_root
def test_a_database_lost_with_its_container_is_not_begun_anew(
    empty_data: Path, outside: Path
) -> None:
    note = empty_data / "postgres" / "location.txt"
    note.parent.mkdir()
    note.write_text(f"{outside}/gone\nholds the PostgreSQL\n")
    with pytest.raises(PostgresError, match=r"location\.txt says .* not exist"), using(empty_data):
        pass


@pytest.mark.slow
@as_root
def test_a_data_root_closed_later_is_named(empty_data: Path, outside: Path) -> None:
    server_account().make_private(empty_data / "postgres")
    server_account().make_private(empty_data / "postgres" / "cluster")
    empty_data.chmod(0o700)
    with pytest.raises(PostgresError, match=f"may not enter {empty_data}, but"), using(empty_data):
        pass
    assert not outside.exists()
