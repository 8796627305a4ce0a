"""`soundalike failures`: what failed and why; a retry is of transient ones, or of all if told."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from soundalike.catalog.engine import Sessions
from soundalike.cli import app
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import Collection, numbered


@pytest.fixture(autouse=True)
def _failed(
    sessions: Sessions, store: ArtifactStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(store.root))
    load_settings.cache_clear()
    collection = Collection(sessions, store)
    broken, passing = collection.add(*numbered(2), embedded=False)
    collection.fail(broken, "it is silence", code="silent")
    collection.fail(passing, "the decoder died", code=TRANSIENT)


TRANSIENT = "decoder_died"


def failures(*words: str) -> Result:
    ended = CliRunner().invoke(app, ["failures", *words])
    assert ended.exit_code == 0, ended.output
    return ended


def listed(*words: str) -> dict[str, dict[str, Any]]:
    lines = failures("--json", *words).stdout.splitlines()
    return {failure["code"]: failure for failure in map(json.loads, lines)}


def test_each_is_a_line_with_its_reason() -> None:
    found = listed()
    assert {code: failure["message"] for code, failure in found.items()} == {
        "silent": "it is silence",
        TRANSIENT: "the decoder died",
    }
    assert found["silent"]["retry_at"] is None


def test_a_retry_is_of_what_is_transient_unless_all_is_asked_for() -> None:
    before = listed()
    ended = failures("retry")
    assert "1 failure of 2 will be retried" in " ".join(ended.output.split())
    assert "--all retries them too" in ended.output
    after = listed()
    assert after["silent"] == before["silent"]
    assert after[TRANSIENT]["retry_at"] < before[TRANSIENT]["retry_at"], "it is kept"
    assert "2 failures of 2" in " ".join(failures("retry", "--all").output.split())
    assert listed()["silent"]["retry_at"] is not None


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (["--code", "silent"], {"silent"}),
        (["--code", "silent", "--code", TRANSIENT], {"silent", TRANSIENT}),
        (["--stage", "embeddings"], {"silent", TRANSIENT}),
        (["--stage", "raw_audio"], set()),
        (["--below", "no/such"], set()),
        (["--code", "silent", "--below", ""], {"silent"}),
    ],
)
def test_a_selection_is_listed(words: list[str], codes: set[str]) -> None:
    assert listed(*words).keys() == codes
    assert ("no such file failed" in failures(*words).output) == (not codes)
