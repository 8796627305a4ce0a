"""`backup` and `restore` from the command line, with a private PostgreSQL at the other end."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from soundalike.cli import app
from soundalike.errors import BackupError
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from tests.library import Library
from tests.sounds import song


def soundalike(*words: str | Path) -> Result:
    load_settings.cache_clear()
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.slow
def test_a_library_moves_by_a_backup(
    library: Library,
    database_url: str,
    tmp_path: Path,
    open_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a server of its user's to a data root with a private one, where nothing is missing."""
    song(library.music / "one.flac", seconds=2.0)
    library.ingest()
    version = library.publish().version
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(library.store.root))
    written = soundalike("backup", "--audio", tmp_path / "monday")
    assert written.exit_code == 0, written.output
    assert "files, " in written.output

    with pytest.raises(BackupError, match="there is a library"):
        soundalike("restore", tmp_path / "monday")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("SOUNDALIKE_DATA", str(open_folder / "new"))
    restored = soundalike("restore", tmp_path / "monday")
    assert restored.exit_code == 0, restored.output
    assert ArtifactStore(open_folder / "new").index(version).is_dir()
    verified = soundalike("verify")
    assert verified.exit_code == 0, verified.output
