"""`doctor` tells what is wrong with Milvus, and `gc` removes from it; else it is not asked."""

import sys

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from soundalike.catalog import library_settings
from soundalike.catalog.engine import Sessions
from soundalike.cli import app
from soundalike.cli.doctor.artifacts import milvus as milvus_findings
from soundalike.cli.doctor.findings import Examined
from soundalike.errors import MilvusError, SettingsError
from soundalike.ingest.publish import publish
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.collection import MilvusCollection, name_of, names
from soundalike.vectors.milvus.server import Milvus
from tests.milvus import emptied
from tests.serving.collection import SPACE, Collection, numbered


def soundalike(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def searched(milvus: Milvus) -> Settings:
    return Settings(milvus_url=SecretStr(milvus._url), search="milvus")


@pytest.fixture
def collection(
    sessions: Sessions,
    store: ArtifactStore,
    database_url: str,
    milvus: Milvus,
    monkeypatch: pytest.MonkeyPatch,
) -> Collection:
    emptied(milvus)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(store.root))
    monkeypatch.setenv("SOUNDALIKE_MILVUS_URL", milvus._url)
    monkeypatch.setenv("SOUNDALIKE_SEARCH", "milvus")
    monkeypatch.setenv("COLUMNS", "300")
    load_settings.cache_clear()
    with sessions.begin() as session:
        library_settings.write(session, load_settings(), SPACE.key)
    made = Collection(sessions, store)
    made.add(*numbered(3))
    return made


def test_doctor_counts_collections_and_names_the_one_that_is_lacking(
    collection: Collection, sessions: Sessions, milvus: Milvus
) -> None:
    [empty] = milvus_findings(Examined(searched(milvus)))
    assert empty.state == f"{milvus.shown} answers, 0 collections"
    assert empty.advice == ""
    version = collection.publish()  # without Milvus
    [finding] = milvus_findings(Examined(searched(milvus), sessions))
    assert finding.advice == f"it lacks index {version}: materialise published_index"
    publish(sessions, collection.store, SPACE, version, milvus=milvus)
    [whole] = milvus_findings(Examined(searched(milvus), sessions))
    assert (whole.state, whole.advice) == (f"{milvus.shown} answers, 1 collection", "")


def test_doctor_asks_nothing_where_milvus_is_not_searched() -> None:
    assert (
        list(milvus_findings(Examined(Settings(milvus_url=SecretStr("http://127.0.0.1:1"))))) == []
    )


def test_doctor_names_a_milvus_that_is_away() -> None:
    with pytest.raises(MilvusError, match=r"Milvus at http://127\.0\.0\.1:1 failed"):
        list(milvus_findings(Examined(searched(Milvus("http://me:pw@127.0.0.1:1")))))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(SettingsError, match=r"pip install 'soundalike\[milvus\]'"):
        list(milvus_findings(Examined(searched(Milvus("/nowhere/lite.db")))))


def test_gc_removes_collections_with_their_versions(
    collection: Collection, sessions: Sessions, milvus: Milvus
) -> None:
    collection.build()
    first = publish(sessions, collection.store, SPACE, None, milvus=milvus).version
    collection.add(*numbered(2))
    collection.build()
    second = publish(sessions, collection.store, SPACE, None, milvus=milvus).version
    listed = soundalike("gc", "--keep-indexes", "0")
    assert f"milvus/{name_of(first)}" in listed.output
    assert MilvusCollection(milvus, name_of(first)).exists()
    assert soundalike("gc", "--keep-indexes", "0", "--apply").exit_code == 0
    assert names(milvus) == [name_of(second)]
