"""The library's settings are one for all processes; a process that differs is told both values."""

from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.resources import Model
from soundalike.catalog import library_settings
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library_settings import OWNED, adopt, follow, library_space
from soundalike.embedders import space_for
from soundalike.errors import SettingsError
from soundalike.settings import Settings, load_settings
from tests.hub import TINY
from tests.library import Library
from tests.sounds import song

MUSICNN = "musicnn-msd"


@pytest.fixture
def musicnn(sessions: Sessions) -> Settings:
    """The library has these settings."""
    return adopt(sessions, Settings(model=MUSICNN, windows=3))


def test_the_first_process_gives_the_library_its_settings(sessions: Sessions) -> None:
    settings = Settings(model=MUSICNN, windows=3, extensions="mp3,flac", shortest_seconds=30)
    assert adopt(sessions, settings) == settings
    with sessions() as session:
        row = library_settings.read(session)
        assert row is not None
        assert row.space == space_for(settings).key
        assert library_settings.values_of(row) == {name: getattr(settings, name) for name in OWNED}


def test_what_a_process_does_not_set_follows_the_library(
    sessions: Sessions, musicnn: Settings
) -> None:
    mine = adopt(sessions, Settings(port=8080))
    assert (mine.model, mine.windows, mine.port) == (MUSICNN, 3, 8080)
    assert mine.model_fields_set == {"port"}, "what it follows is not what it sets"
    assert adopt(sessions, Settings(model=MUSICNN)).windows == 3


@pytest.mark.parametrize(
    ("variable", "value", "library", "command"),
    [
        ("SOUNDALIKE_MODEL", "mert-v1-95m", MUSICNN, "soundalike space switch"),
        ("SOUNDALIKE_WINDOWS", "all", "3", "soundalike space switch"),
        ("SOUNDALIKE_INDEX_KIND", "flat", "auto", "soundalike space switch"),
        ("SOUNDALIKE_SHORTEST_SECONDS", "30.0", "0.0", "soundalike rules switch"),
        ("SOUNDALIKE_LONGEST_SECONDS", "900.0", "inf", "soundalike rules switch"),
        ("SOUNDALIKE_EXTENSIONS", "mp3", "3ga,aac,", "soundalike rules switch"),
    ],
)
def test_a_process_that_sets_another_value_stops_with_both_and_what_to_do(
    sessions: Sessions,
    musicnn: Settings,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    library: str,
    command: str,
) -> None:
    monkeypatch.setenv(variable, value)
    for refuse in (follow, adopt):
        with pytest.raises(SettingsError) as refused:
            refuse(sessions, load_settings())
        message = str(refused.value)
        assert f"this process has {value} ({variable})" in message
        assert f"the library has {library}" in message
        assert command in message


def test_the_same_value_set_again_is_no_conflict(sessions: Sessions, musicnn: Settings) -> None:
    again = Settings(model=MUSICNN, windows=3, index_kind="auto", longest_seconds=float("inf"))
    assert adopt(sessions, again) == again


def test_every_difference_is_named_at_once(sessions: Sessions, musicnn: Settings) -> None:
    with pytest.raises(SettingsError) as refused:
        adopt(sessions, Settings(model="mert-v1-95m", shortest_seconds=9))
    assert "soundalike space switch and soundalike rules switch" in str(refused.value)


def test_other_weights_under_the_same_name_are_refused(sessions: Sessions) -> None:
    mert = adopt(sessions, Settings(model="mert-v1-95m", mert_path=TINY, windows=2))
    assert library_space(sessions, mert) == space_for(mert)
    with sessions.begin() as session:
        session.execute(text("update library_settings set space = 'mert.of.another.file'"))
    with pytest.raises(SettingsError, match=r"mert\.of\.another\.file.*SOUNDALIKE_MERT_PATH"):
        library_space(sessions, mert)


@pytest.mark.parametrize("former", ["flat+rabitq", "ivf"])
def test_a_kind_of_index_of_a_former_release_stands_for_todays(
    sessions: Sessions, musicnn: Settings, former: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        session.execute(text(f"update library_settings set index_kind = '{former}'"))
    assert follow(sessions, Settings()).index_kind == "flat+pq"
    monkeypatch.setenv("SOUNDALIKE_INDEX_KIND", former)
    assert follow(sessions, load_settings()).index_kind == "flat+pq"


def test_a_model_of_a_newer_version_is_named(sessions: Sessions, musicnn: Settings) -> None:
    with sessions.begin() as session:
        session.execute(text("update library_settings set model = 'mert-v9'"))
    with pytest.raises(SettingsError, match=r"mert-v9.*update soundalike"):
        follow(sessions, Settings())


@pytest.fixture
def served_before(library: Library) -> Library:
    """A library with an index, of a time when the catalog did not record settings."""
    song(library.music / "a.flac")
    library.ingest()
    library.publish()
    return library


def test_a_served_index_of_another_model_is_not_replaced(served_before: Library) -> None:
    sessions = served_before.sessions
    for refuse in (follow, adopt):
        with pytest.raises(SettingsError, match=r"index of fake [\s\S]*soundalike space switch"):
            refuse(sessions, Settings(model=MUSICNN))
    with sessions() as session:
        assert library_settings.read(session) is None


def test_a_served_index_of_other_windows_is_not_replaced(served_before: Library) -> None:
    made_by = Settings(model=MUSICNN, windows=3)
    sessions, key = served_before.sessions, space_for(made_by).key
    with sessions.begin() as session:
        session.execute(text(f"update index_versions set model = '{MUSICNN}', space = '{key}'"))
    with pytest.raises(SettingsError, match=f"{key}.*windows = balanced"):
        adopt(sessions, Settings(model=MUSICNN))
    assert adopt(sessions, made_by) == made_by
    assert adopt(sessions, Settings()).windows == 3


def test_a_process_that_lives_long_notices_a_switch(
    sessions: Sessions, musicnn: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each run and each tick asks a new Model."""
    assert Model(sessions).space == space_for(musicnn)
    switched = musicnn.following({"windows": 5})
    with sessions.begin() as session:
        library_settings.write(session, switched, space_for(switched).key)
    assert Model(sessions).settings.windows == 5
    assert Model(sessions).space == space_for(switched)
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", "3")
    load_settings.cache_clear()
    with pytest.raises(SettingsError, match=r"the library has 5 .*this process has 3"):
        _ = Model(sessions).space
