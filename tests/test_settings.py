"""A wrong setting stops the program with the variable, its value and what is allowed."""

from pathlib import Path
from typing import get_args

import pytest

from soundalike.errors import SettingsError
from soundalike.settings import KindChoice, load_settings
from soundalike.vectors.kinds import KindName


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ENVIRONMENT", "staging", "'development', 'test' or 'production'"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("DEBUG", "perhaps", "boolean"),
        ("SOUNDALIKE_MODEL", "vggish", "'mert-v1-95m'"),
        ("SOUNDALIKE_DEVICE", "tpu", "'auto'"),
        ("SOUNDALIKE_WINDOWS", "many", "`balanced`, `all`, or a number from 1 to 1000"),
        ("SOUNDALIKE_WINDOWS", "0", "from 1 to 1000"),
        ("SOUNDALIKE_PRECISION", "half", "'auto' or 'float32'"),
        ("SOUNDALIKE_PORT", "99999", "65535"),
        ("SOUNDALIKE_BATCH_TRACKS", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{variable}='{value}': ")
    assert allowed in str(caught.value)


@pytest.mark.parametrize(("value", "meant"), [("all", "all"), ("balanced", "balanced"), ("12", 12)])
def test_windows_are_a_word_or_a_number(
    monkeypatch: pytest.MonkeyPatch, value: str, meant: str | int
) -> None:
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", value)
    assert load_settings().windows == meant


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "x")
    monkeypatch.setenv("SOUNDALIKE_WORKERS", "0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


def test_another_database_than_postgres_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:secret@host/db")
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        load_settings()
    assert "secret" not in str(caught.value)
    assert "postgresql://" in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_any_spelling_of_postgres_means_psycopg(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me@host/db")
    assert load_settings().database_url == "postgresql+psycopg://me@host/db"


def test_several_music_folders_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_MUSIC", "/a/b:~/c")
    assert load_settings().music == ("/a/b", str(Path.home() / "c"))


def test_buckets_may_stand_among_the_music_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_MUSIC", "/a:s3://bucket/music:s3://other")
    assert load_settings().music == ("/a", "s3://bucket/music", "s3://other")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SOUNDALIKE_EXTENSIONS", "mp3,,flac", "extensions separated by commas"),
        ("SOUNDALIKE_EXTENSIONS", "*.mp3", "extensions separated by commas"),
        ("SOUNDALIKE_LONGEST_SECONDS", "20", "more than SOUNDALIKE_SHORTEST_SECONDS=30.0"),
    ],
)
def test_rules_that_make_no_sense_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv("SOUNDALIKE_SHORTEST_SECONDS", "30")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message) as refused:
        load_settings()
    assert variable in str(refused.value)


def test_extensions_are_taken_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_EXTENSIONS", "mp3, .FLAC")
    assert load_settings().extensions == {"mp3", "flac"}


def test_each_kind_of_index_can_be_chosen() -> None:
    assert set(get_args(KindChoice)) == {"auto", *get_args(KindName)}
