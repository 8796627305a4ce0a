"""What a person types must find what is there, the best match first, and never be an error."""

# ruff: noqa: RUF001 - signs that look like others are what these tests are about

from unicodedata import normalize

import pytest

from soundalike.catalog import suggestions, track_lists
from soundalike.catalog.engine import Sessions
from soundalike.catalog.results import forget_tracks
from soundalike.catalog.text_search import MAX_WORDS, TextQuery
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import Collection, Facts


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


def found(sessions: Sessions, query: str) -> list[str]:
    """The titles that match, in order; their number is the one that is counted."""
    with sessions() as session:
        rows = session.execute(*track_lists.page(query, 100, None)).all()
        assert session.scalar(*track_lists.count(query)) == len(rows)
    return [row.title for row in rows]


FACTS: dict[str, Facts] = {
    "journey": {"title": "Don’t Stop Believin’", "artist": "Journey"},
    "prado": {"title": "Guaglione", "artist": "Perez Prado", "album": "Mambo №5"},
    "energia": {"title": "Café del Mar", "artist": "Energy 52"},
    "sigur": {
        "title": "Svefn-g-englar",
        "path": normalize("NFD", "Sigur Rós/Ágætis byrjun/Svefn-g-englar.flac").encode(),
    },
    "acdc": {"title": "T.N.T.", "artist": "AC/DC"},
    "chk": {"title": "Heart of Hearts", "artist": "!!!"},
    "simon": {"title": "The Boxer", "artist": "Simon & Garfunkel"},
    "tokyo": {"title": "夜の東京タワー", "artist": "ｶﾞｰﾙ"},
    "istanbul": {"title": "ISIRGAN Straße", "artist": "İstanbul"},
    "love": {"title": "I ❤️ U", "artist": "ﬁre"},
    "latin1": {"title": "x", "path": b"caf\xe9/1.flac"},
}
FINDS = {
    "journey": [
        "don't stop believin'",
        "dont stop",
        "don´t STOP believinʼ",
        "Journey — Don’t Stop",
    ],
    "prado": ["Perez Prado - Guaglione", "guaglione perez", "  PRADO  ", "mambo no5", "uaglio"],
    "energia": ["cafe del mar", "CAFÉ", "energy 52 – cafe", "Cafe\u0301 del Mar"],
    "sigur": [
        "Sigur Rós",
        "sigur ros",
        "Agaetis",
        "svefn g englar",
        "Sigur Ro\u0301s/Ágætis byrjun",
    ],
    "acdc": ["ac/dc", "AC DC", "acdc", "tnt", "t.n.t.", "AC-DC - TNT", "acdc tnt"],
    "chk": ["!!!", "!!! - Heart of Hearts", "hearts !!!"],
    "simon": ["Simon and Garfunkel", "simon & garfunkel", "Simon ＆ Garfunkel - Boxer"],
    "tokyo": ["東京", "夜", "タワー", "ガール", "ｶﾞｰﾙ - 夜の東京タワー"],
    "istanbul": ["istanbul", "ISTANBUL isirgan", "ısırgan", "STRASSE", "straße"],
    "love": ["❤", "i ❤ u", "❤️", "fire", "FIRE - I ❤ U"],
    "latin1": ["caf\\xe9/1.flac"],
}


def test_each_way_of_typing_finds_its_track(sessions: Sessions, collection: Collection) -> None:
    numbered = enumerate(FACTS.values())  # a path by chance may have any letters
    collection.add(*({"path": f"{number}.flac".encode(), **fact} for number, fact in numbered))
    wrong = {
        query: titles
        for name, queries in FINDS.items()
        for query in queries
        if (titles := found(sessions, query)) != [FACTS[name]["title"]]
    }
    assert wrong == {}


ODD = (
    *("' & b", "a:*", "a | b", "!a", "(a", "a <-> b", "\\", "'", "''", '"a\' b\\"', ":A", "a':*"),
    *(
        "%",
        "_",
        "%%%",
        "?",
        "$1",
        ":name",
        "%(a)s",
        "\x00",
        "a\x00b",
        "\udcff",
        "\ud800x",
        "\ufffe",
    ),
    *("x" * 100_000, "夜" * 5000, "' " * 5000, "a " * 5000, "\u0301" * 500, "\ufdfa" * 3000),
)


@pytest.mark.parametrize("query", ODD, ids=range(len(ODD)))
def test_no_text_is_an_error(sessions: Sessions, collection: Collection, query: str) -> None:
    collection.add({"title": "plain"})
    assert found(sessions, query) in ([], ["plain"])
    words = TextQuery.of(query)
    if words.words:
        with sessions() as session:
            suggestions.closest(words, session.execute(suggestions.candidates(words)).all())


def test_no_tag_is_an_error(sessions: Sessions, collection: Collection) -> None:
    odd = [text.encode("utf-8", "replace").decode().replace("\0", "") or "x" for text in ODD]
    paths = [f"{number}".encode() + b"/" + b"x" * 240 + b"\xff" for number in range(len(odd))]
    collection.add(
        *(
            {"title": text, "artist": text, "album": text, "genre": text, "path": path}
            for text, path in zip(odd, paths, strict=True)
        )
    )
    assert len(found(sessions, "xff")) == len(odd)


def test_ten_words_count_and_the_eleventh_does_not(
    sessions: Sessions, collection: Collection
) -> None:
    words = [f"word{number}" for number in range(MAX_WORDS)]
    collection.add({"title": " ".join(words)})
    assert found(sessions, " ".join([*words, "another"]))
    assert not found(sessions, " ".join(["another", *words]))


def test_the_whole_of_a_long_name_is_its_exact_match(
    sessions: Sessions, collection: Collection
) -> None:
    words = " ".join(f"word{number}" for number in range(MAX_WORDS + 2))
    collection.add({"title": f"{words} b", "artist": "a"}, {"title": words, "artist": "z"})
    assert found(sessions, words) == [words, f"{words} b"]


def test_matches_are_in_order_of_their_rank(sessions: Sessions, collection: Collection) -> None:
    collection.add(
        {"title": "Blueberry Monday", "artist": "0"},
        {"title": "Monday Blue", "artist": "0"},
        {"title": "A Blue Monday", "artist": "a"},
        {"title": "BLUE  Monday", "artist": "b"},
        {"title": "Blue Monday", "artist": "z"},
    )
    expected = ["Blue Monday", "BLUE  Monday", "A Blue Monday", "Monday Blue", "Blueberry Monday"]
    assert found(sessions, "Blue Monday") == expected
    assert found(sessions, "z - Blue Monday") == ["Blue Monday"]


def test_accents_decide_among_names_that_are_alike(
    sessions: Sessions, collection: Collection
) -> None:
    collection.add({"title": "Cafe", "artist": "a"}, {"title": "Café", "artist": "b"})
    assert found(sessions, "Café") == ["Café", "Cafe"]
    assert found(sessions, "Cafe\u0301") == ["Café", "Cafe"]
    assert found(sessions, "Cafe") == ["Cafe", "Café"]


def test_a_path_is_an_exact_match(sessions: Sessions, collection: Collection) -> None:
    collection.add(
        {"title": "first", "artist": "a", "path": b"x/Disc 1/5.flac"},
        {"title": "second", "artist": "b", "path": b"Disc 1/5.flac"},
    )
    assert found(sessions, "Disc 1/5.flac") == ["second", "first"]


def test_parts_of_other_names_are_no_phrase(sessions: Sessions, collection: Collection) -> None:
    collection.add(
        {"title": "Sunshine", "artist": "a"},
        {"title": "Shine", "artist": "z"},
        {"title": "Shine on", "artist": "y"},
    )
    assert found(sessions, "shine") == ["Shine", "Shine on", "Sunshine"]


def test_a_copy_is_found_by_its_path_while_it_is_there(
    sessions: Sessions, collection: Collection
) -> None:
    [track] = collection.add({"title": "song", "path": b"here/1.flac"})
    assert found(sessions, "here") == ["song"]
    collection.remove(track)
    assert found(sessions, "here") == []


def test_a_track_of_two_files_is_found_and_counted_once(
    sessions: Sessions, collection: Collection
) -> None:
    both = {"id": "x", "title": "song"}
    collection.add({**both, "path": b"a/1.flac"}, {**both, "path": b"b/1.flac"}, embedded=False)
    assert found(sessions, "song") == ["song"]


def test_a_file_without_a_track_is_not_found(sessions: Sessions, collection: Collection) -> None:
    collection.add({"title": "song", "path": b"here/1.flac"})
    with sessions.begin() as session:
        forget_tracks(session, {1})
    assert found(sessions, "here") == []


NEAR = {
    "guaglone": "Perez Prado - Guaglione",
    "perez pardo": "Perez Prado",
    "dont stop beleivin": "Journey - Don’t Stop Believin’",
    "simon garfunkle": "Simon & Garfunkel",
    "gualgione": "Perez Prado - Guaglione",
    "istambul": "İstanbul",
}


@pytest.mark.parametrize("query", NEAR)
def test_a_slip_of_the_finger_is_understood(
    query: str, sessions: Sessions, collection: Collection
) -> None:
    collection.add(*FACTS.values())
    assert found(sessions, query) == []
    with sessions() as session:
        words = TextQuery.of(query)
        names = suggestions.closest(words, session.execute(suggestions.candidates(words)).all())
    assert names[0] == NEAR[query]
    assert found(sessions, names[0])
