"""`doctor` is read by people: each line of what it advises is a line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from soundalike.cli import app
from soundalike.storage.data_roots import remember_data_root


def test_advice_of_several_lines_has_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "other").mkdir()
    remember_data_root(tmp_path / "other")
    lines = [line.strip() for line in CliRunner().invoke(app, ["doctor"]).output.splitlines()]
    first = lines.index("-> `soundalike ingest FOLDER` adds music here.")
    assert lines[first + 1 : first + 3] == [
        *("Ingested on this machine:", f"SOUNDALIKE_DATA={tmp_path / 'other'}")
    ]
