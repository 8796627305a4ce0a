"""A filter must let through what a person reading the facts would, whatever is combined."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from soundalike.catalog.columns import building
from soundalike.catalog.columns.building import columns_of, merged
from soundalike.catalog.columns.filtering import allowed
from soundalike.catalog.columns.reading import facts_after
from soundalike.catalog.columns.reading import facts_of as facts_of_row
from soundalike.catalog.columns.table import TrackColumns
from soundalike.catalog.engine import Sessions
from soundalike.catalog.filters import TOP_TAGS, TrackFilter, conditions
from soundalike.catalog.tables import TrackRow
from soundalike.embedders.base import PredictedTag
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import Collection, Facts

ARTISTS = ("Björk", "BJÖRK", "ÜBER 100%", "a_b", None)
ALBUMS = ("Für Alina", "Live", None)
GENRES = ("Jazz", "jazz", None)
SEVERAL = {"Björk": ["Björk"], "a_b": ["A_B", 'The "Guest", {NULL}'], "Jazz": ["Jazz", "Bop"]}
YEARS = (None, 1969, 1970, 1999, 2020)
SECONDS = (None, 0.5, 30.0, 31.25)
WORDS = ("piano", "loud", 'a"]', "House")
ALL_WORDS = (*WORDS, "slow", "fast", "old", "new")  # a model has a weight for each it knows
FOLDERS = (b"Rock/", b"rock/", b"Rock%/", b"R_ck/", b"x\\y/")
PATHS = [f"{folder.decode()}{number}.flac" for folder in FOLDERS for number in range(5)]


def made_up(number: int, random: np.random.Generator) -> dict[str, Any]:
    def one(options: tuple[Any, ...]) -> Any:
        return options[random.integers(len(options))]

    artist, genre = one(ARTISTS), one(GENRES)
    return {
        "artist": artist,
        "artists": SEVERAL.get(artist, [artist] if artist else []),
        "album": one(ALBUMS),
        "genre": genre,
        "genres": SEVERAL.get(genre, [genre] if genre else []),
        "year": one(YEARS),
        "duration": one(SECONDS),
        "tags": tuple(PredictedTag(word, 0.5) for word in random.permutation(ALL_WORDS).tolist()),
        "path": one(FOLDERS) + f"{number}.flac".encode(),
    }


def maybe(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from([option for option in options if option is not None])


def some(options: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    named = [option for option in (*options, "nobody", "") if option is not None]
    return st.lists(st.sampled_from(named), max_size=3).map(tuple)


FILTERS = st.builds(
    TrackFilter,
    artists=some((*ARTISTS, 'the "GUEST", {null}', "null")),
    albums=some(ALBUMS),
    genres=some((*GENRES, "BOP")),
    year_from=maybe(YEARS),
    year_to=maybe(YEARS),
    duration_from=maybe(SECONDS),
    duration_to=maybe(SECONDS),
    tags=some((*WORDS, "PIANO", "house", "never said")),
    tags_all=some((*WORDS, "PIANO", "house", "never said")),
    paths=st.lists(st.sampled_from(PATHS), max_size=9).map(tuple),
    roots=st.lists(st.sampled_from(("music", "elsewhere")), max_size=2).map(tuple),
    path_prefix=maybe(tuple(folder.decode() for folder in (*FOLDERS, b"R", b"%"))),
)


def passes(wanted: TrackFilter, fact: Facts) -> bool:
    """As the filter's documentation has it."""
    named = (
        (wanted.artists, [fact["artist"], *fact["artists"]]),
        (wanted.albums, [fact["album"]]),
        (wanted.genres, [fact["genre"], *fact["genres"]]),
    )
    for names, values in named:
        has = {value.lower() for value in values if value}
        if names and has.isdisjoint(name.lower() for name in names):
            return False
    bounds = (("year", wanted.year_from, wanted.year_to),)
    bounds += (("duration", wanted.duration_from, wanted.duration_to),)  # type: ignore[assignment]
    for column, low, high in bounds:
        value = fact[column]
        if (low is not None or high is not None) and value is None:
            return False
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    words = {tag.word.lower() for tag in fact["tags"][:TOP_TAGS]}
    there = fact["path"].decode().startswith(wanted.path_prefix or "")
    there &= not wanted.roots or "music" in wanted.roots
    if wanted.paths and fact["path"].decode() not in wanted.paths:
        return False
    if wanted.tags and words.isdisjoint(word.lower() for word in wanted.tags):
        return False
    return {word.lower() for word in wanted.tags_all} <= words and there


@pytest.fixture
def facts_of(sessions: Sessions, store: ArtifactStore) -> dict[str, Facts]:
    random = np.random.default_rng(5)
    facts = [made_up(number, random) for number in range(300)]
    ids = Collection(sessions, store).add(*facts)
    return dict(zip(ids, facts, strict=True))


@pytest.fixture
def read(
    sessions: Sessions,
    facts_of: dict[str, Facts],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> TrackColumns:
    """The columns, put together of two parts, a block at a time, and a track that changed since."""
    monkeypatch.setattr(building, "ROWS_AT_ONCE", 40)
    whole, [changed, *_] = all_columns(sessions), facts_of
    with sessions() as session:
        rows = session.execute(facts_after("", 10_000)).all()
    older = columns_of(map(facts_of_row, rows[:150]))
    newer = [row for row in rows if row.id == changed or row in rows[150:]]
    replaced = older.rows_of([changed])
    columns = merged(older, replaced[replaced >= 0], columns_of(map(facts_of_row, newer)), tmp_path)
    assert columns.table.equals(whole.table)
    return columns


def all_columns(sessions: Sessions) -> TrackColumns:
    with sessions() as session:
        return columns_of(map(facts_of_row, session.execute(facts_after("", 10_000))))


def found(sessions: Sessions, wanted: TrackFilter, columns: TrackColumns | None = None) -> set[str]:
    """The ids that the columns let through, which are those of the SQL."""
    columns = columns or all_columns(sessions)
    with sessions() as session:
        by_sql = session.scalars(select(TrackRow.id).where(*conditions(wanted))).all()
    rows = np.flatnonzero(allowed(columns, wanted)).tolist()
    ids = {columns.view(row).id for row in rows}
    assert ids == set(by_sql)
    assert len(rows) == len(by_sql) == len(ids)
    return ids


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=FILTERS)
def test_any_filter_lets_through_what_it_says(
    sessions: Sessions, facts_of: dict[str, Facts], read: TrackColumns, wanted: TrackFilter
) -> None:
    expected = {track for track, fact in facts_of.items() if passes(wanted, fact)}
    assert found(sessions, wanted, read) == expected


def test_only_those_included(sessions: Sessions, facts_of: dict[str, Facts]) -> None:
    first, second, *_ = facts_of
    wanted = TrackFilter(ids=(first, second, "nobody's"))
    assert found(sessions, wanted) == {first, second}
    assert not wanted.is_empty
    assert TrackFilter().is_empty


@pytest.mark.parametrize("field", ["year", "duration"])
def test_both_ends_of_a_range_are_in_it(
    field: str, sessions: Sessions, store: ArtifactStore
) -> None:
    ids = Collection(sessions, store).add(*({field: value} for value in (1969, 1970, 1980, 1981)))
    ends = {f"{field}_from": 1970, f"{field}_to": 1980}
    assert found(sessions, TrackFilter(**ends)) == set(ids[1:3])  # type: ignore[arg-type]


def test_only_the_strongest_tags_count(sessions: Sessions, store: ArtifactStore) -> None:
    words = [f"word {number}" for number in range(TOP_TAGS + 1)]
    tags = tuple(PredictedTag(word, 0.5) for word in words)
    ids = set(Collection(sessions, store).add({"tags": tags}))
    for number, word in enumerate(words):
        expected = ids if number < TOP_TAGS else set()
        assert found(sessions, TrackFilter(tags=(word,))) == expected
        assert found(sessions, TrackFilter(tags_all=(word,))) == expected


def test_all_tags_that_are_asked_for_must_be_there(
    sessions: Sessions, store: ArtifactStore
) -> None:
    worded = [
        tuple(PredictedTag(word, 0.5) for word in words) for words in (("a", "b"), ("a", "c"))
    ]
    first, second = Collection(sessions, store).add(*({"tags": tags} for tags in worded))
    assert found(sessions, TrackFilter(tags_all=("a", "b"))) == {first}
    assert found(sessions, TrackFilter(tags_all=("b", "c"))) == set()
    assert found(sessions, TrackFilter(tags=("b", "c"))) == {first, second}


@pytest.mark.parametrize("folder", ["R_ck/", "Rock%/", "x\\y/"])
def test_signs_in_a_folders_name_are_no_wildcards(
    folder: str, sessions: Sessions, store: ArtifactStore
) -> None:
    paths = [f"{name}1.flac".encode() for name in ("Rock/", "R_ck/", "Rock%/", "Rocks/", "x\\y/")]
    ids = Collection(sessions, store).add(*({"path": path} for path in paths))
    [own] = [i for i, path in zip(ids, paths, strict=True) if path.startswith(folder.encode())]
    assert found(sessions, TrackFilter(path_prefix=folder)) == {own}


IDENTIFIED = [
    {"musicbrainz_recording_id": "B1A9C0E9-D987-4042-AE91-78D6A3267D69"},
    {"isrcs": ["GB-AYE-69 00531", "usrc17607839"]},
    {"isrcs": []},
    {},
]


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (TrackFilter(musicbrainz_ids=("b1a9c0e9-d987-4042-ae91-78d6a3267d69",)), 0),
        (TrackFilter(isrcs=("GBAYE6900531",)), 1),
        (TrackFilter(isrcs=("nobody", "US-RC1-76-07839")), 1),
    ],
)
def test_tracks_by_identifiers_however_they_are_written(
    wanted: TrackFilter, which: int, sessions: Sessions, store: ArtifactStore
) -> None:
    ids = Collection(sessions, store).add(*({"file_tags": tags} for tags in IDENTIFIED))
    assert found(sessions, wanted) == {ids[which]}


def test_a_track_that_left_is_below_no_path(sessions: Sessions, store: ArtifactStore) -> None:
    collection = Collection(sessions, store)
    gone, there = collection.add({"path": b"a/1.flac"}, {"path": b"a/2.flac"})
    collection.remove(gone)
    assert found(sessions, TrackFilter(path_prefix="a/")) == {there}


# ruff: noqa: RUF001 - signs that look like others are what these tests are about
SAME_NAMES = [
    ("Beyoncé", "beyonce"),
    ("Guns N’ Roses", "guns n' roses"),
    ("Sigur Ro\u0301s", "Sigur Rós"),
    ("Simon & Garfunkel", "Simon and Garfunkel"),
    ("AC/DC", "AC-DC"),
    ("STRASSE", "Straße"),
    ("İstanbul", "ISTANBUL"),
    ("!!!", "!!!"),
    ("Ｐｅｒｆｕｍｅ", "Perfume"),
]


@pytest.mark.parametrize(("tagged", "asked"), SAME_NAMES)
def test_names_are_compared_folded(
    tagged: str, asked: str, sessions: Sessions, store: ArtifactStore
) -> None:
    collection = Collection(sessions, store)
    fields = {"artist": tagged, "album": tagged, "genre": tagged}
    [wanted, *_] = collection.add(fields, {"artist": f"{tagged} Tribute"}, {"title": tagged})
    for field in (
        TrackFilter(artists=(asked,)),
        TrackFilter(albums=(asked,)),
        TrackFilter(genres=("nobody", asked)),
    ):
        assert found(sessions, field) == {wanted}


def test_a_path_prefix_is_one_in_either_form_of_its_accents(
    sessions: Sessions, store: ArtifactStore
) -> None:
    apart, together = "Sigur Ro\u0301s/1.flac".encode(), "Sigur Rós/2.flac".encode()
    ids = Collection(sessions, store).add({"path": apart}, {"path": together}, {"path": b"S/3"})
    for prefix in ("Sigur Rós/", "Sigur Ro\u0301s/"):
        assert found(sessions, TrackFilter(path_prefix=prefix)) == set(ids[:2])
