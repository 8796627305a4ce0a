"""`soundalike keys`: a key is shown once, listed without it, and revoked by name or id."""

import json
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text
from typer.testing import CliRunner, Result

from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import hash_of, record_use
from soundalike.catalog.engine import Sessions
from soundalike.cli import app
from soundalike.errors import LibraryError, SettingsError
from soundalike.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("soundalike.cli.keys.out", Console(width=300))
    load_settings.cache_clear()


def keys(*words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words])


def listed() -> list[dict[str, Any]]:
    return [json.loads(line) for line in keys("list", "--json").stdout.splitlines()]


def test_a_key_is_shown_once_and_stored_as_its_hash(sessions: Sessions) -> None:
    assert "keys add NAME" in keys("list").output
    first, second = (keys("add", name).stdout.strip() for name in ("phone", "tv"))
    assert first != second
    assert len(first) == len("soundalike_") + 43, "256 random bits in base64"
    with sessions() as session:
        stored = str(session.execute(text("select * from api_keys")).all())
    assert hash_of(first.encode()) in stored
    assert first not in stored
    assert first not in keys("list").output + keys("list", "--json").output
    assert [(key["name"], key["scope"], key["prefix"]) for key in listed()] == [
        ("phone", "read", first[:17]),
        ("tv", "read", second[:17]),
    ]
    assert f"{first[:17]}..." in keys("list").output


def test_scope_is_chosen_and_nothing_else_is_one() -> None:
    assert keys("add", "ops", "--scope", "admin").exit_code == 0
    assert keys("add", "other", "--scope", "root").exit_code != 0
    assert [key["scope"] for key in listed()] == ["admin"]


@pytest.mark.parametrize("name", ["", "7", "a b", "é", "x" * 65, "a\n", "[red]"])
def test_what_is_no_name_is_refused(name: str) -> None:
    assert isinstance(keys("add", "--", name).exception, LibraryError)
    assert listed() == []


def test_a_name_is_of_one_key_until_that_is_revoked() -> None:
    keys("add", "phone")
    again = keys("add", "phone")
    assert "there is a key named phone" in str(again.exception)
    assert "It was the last one" in keys("revoke", "phone").output
    assert keys("add", "phone").exit_code == 0
    [old, new] = listed()
    assert old["revoked_at"]
    assert new["revoked_at"] is None


def test_revoked_by_id_and_the_wrong_one_names_those_there_are() -> None:
    keys("add", "phone")
    keys("add", "tv")
    revoked = keys("revoke", str(listed()[0]["id"]))
    assert "phone" in revoked.output
    assert "last one" not in revoked.output
    for name in ("phone", "1", "radio", str(2**70)):
        wrong = keys("revoke", name)
        assert str(wrong.exception).endswith("there are: tv")


def test_forgetting_all_asks_first() -> None:
    keys("add", "phone")
    assert CliRunner().invoke(app, ["keys", "forget"], input="n\n").exit_code == 1
    assert len(listed()) == 1
    assert keys("forget", "--yes").exit_code == 0
    assert listed() == []


def test_use_is_noted_once_an_hour(sessions: Sessions) -> None:
    keys("add", "phone")
    [key] = listed()
    assert key["last_used_at"] is None
    for age, is_noted in (("0 minutes", True), ("10 minutes", False), ("2 hours", True)):
        with sessions.begin() as session:
            past = f"update api_keys set last_used_at = last_used_at - interval '{age}'"
            session.execute(text(past))
        [before] = listed()
        with sessions.begin() as session:
            session.execute(record_use([key["id"]]))
        assert (listed()[0]["last_used_at"] != before["last_used_at"]) == is_noted


def test_a_key_of_the_catalog_opens_the_network_and_a_revoked_one_does_not(
    database_url: str, sessions: Sessions
) -> None:
    exposed = Settings(DATABASE_URL=database_url, host="0.0.0.0")
    with pytest.raises(SettingsError, match=r"SOUNDALIKE_API_KEY.*soundalike keys add NAME"):
        require_key_beyond_loopback(exposed)
    keys("add", "phone")
    require_key_beyond_loopback(exposed)
    keys("revoke", "phone")
    with pytest.raises(SettingsError):
        require_key_beyond_loopback(exposed)
    with sessions.begin() as session:
        session.execute(text("drop table api_keys"))
    with pytest.raises(SettingsError, match="nor has the catalog a key"):
        require_key_beyond_loopback(exposed)


def test_a_catalog_that_cannot_be_read_opens_nothing() -> None:
    gone = Settings(DATABASE_URL="postgresql://soundalike@127.0.0.1:1/none", host="0.0.0.0")
    with pytest.raises(SettingsError, match=r"SOUNDALIKE_API_KEY.*cannot be read.*not answer"):
        require_key_beyond_loopback(gone)
