"""`soundalike gc` lists, and removes only when told to, down to as many as are to be kept."""

import pytest
from typer.testing import CliRunner, Result

from soundalike.catalog import library_settings
from soundalike.catalog.engine import Sessions
from soundalike.cli import app
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import SPACE, Collection, numbered


@pytest.fixture(autouse=True)
def _settings(store: ArtifactStore, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(store.root))
    monkeypatch.setenv("SOUNDALIKE_KEEP_INDEXES", "1")
    load_settings.cache_clear()


def gc(*words: str) -> Result:
    ended = CliRunner().invoke(app, ["gc", *words])
    assert ended.exit_code == 0, ended.output
    return ended


def test_older_indexes_are_listed_and_removed_when_it_is_asked_for(
    sessions: Sessions, store: ArtifactStore
) -> None:
    collection = Collection(sessions, store)
    with sessions.begin() as session:
        library_settings.write(session, load_settings(), SPACE.key)
    versions = []
    for _ in range(3):
        collection.add(*numbered(2))
        versions.append(collection.publish())

    def left() -> list[str]:
        return [version for version in versions if store.index(version).exists()]

    assert "nothing was removed" in gc().output
    assert left() == versions
    assert "removed" in gc("--apply").output
    assert left() == versions[1:], "one for a rollback, as the settings say"
    assert "nothing to remove" in gc("--apply").output
    assert "nothing was removed" in gc("--keep-indexes", "0").output
    assert left() == versions[1:]
    gc("--keep-indexes", "0", "--apply")
    assert left() == versions[2:], "none was to be kept but the one that is served"
