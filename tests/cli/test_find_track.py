"""A track that a person names must be the one that is meant, however it is named."""

from pathlib import Path
from unicodedata import normalize

import pytest

from soundalike.catalog import roots
from soundalike.catalog.engine import Sessions
from soundalike.cli.find_track import find_track
from soundalike.errors import LibraryError, NothingIngested
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import Collection


@pytest.fixture
def music(tmp_path: Path, sessions: Sessions) -> Path:
    """A root, which is a folder that is there."""
    folder = tmp_path / "music"
    folder.mkdir()
    with sessions.begin() as session:
        roots.add_root(session, bytes(folder))
    return folder


@pytest.fixture
def collection(music: Path, sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


def title_of(sessions: Sessions, text: str) -> str:
    with sessions() as session:
        return find_track(session, text, Settings(data=Path("/data"))).title


def test_what_is_printed_is_found(sessions: Sessions, collection: Collection) -> None:
    [track] = collection.add({"title": "Guaglione", "artist": "Perez Prado"})
    for text in (track, "Perez Prado - Guaglione", "guaglione"):
        assert title_of(sessions, text) == "Guaglione"


def test_a_number_is_no_part_of_another(
    sessions: Sessions, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    collection.add({"title": "Stück 15"}, {"title": "Stück 5"}, {"title": "Stück 50"})
    assert title_of(sessions, "Stück 5") == "Stück 5"
    assert capsys.readouterr().err == ""


def test_other_matches_are_listed(
    sessions: Sessions, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    collection.add(*({"title": f"Song {n}", "artist": "A"} for n in range(8)), {"title": "Song"})
    assert title_of(sessions, "song") == "Song"
    note = " ".join(capsys.readouterr().err.split())
    assert "9 tracks match 'song'; this is Song" in note
    assert "also: A - Song 0, A - Song 1, A - Song 2, A - Song 3, A - Song 4, 3 more" in note


def test_a_file_is_named_by_its_path(
    music: Path, sessions: Sessions, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = normalize("NFD", "Sigur Rós/é.flac")
    collection.add(
        {"title": "wanted", "path": b"a/1.flac"},
        {"title": "other", "path": b"b/a/1.flac"},
        {"title": "apart", "path": apart.encode()},
        {"title": "bytes", "path": b"caf\xe9.flac"},
    )
    (music / "a").mkdir()
    (music / "a" / "1.flac").touch()
    (music.parent / "link").symlink_to(music)
    monkeypatch.chdir(music / "a")
    here = ("a/1.flac", "./1.flac", "1.flac", "../a/1.flac", str(music / "a" / "1.flac"))
    for text in (*here, str(music.parent / "link" / "a" / "1.flac")):
        assert title_of(sessions, text) == "wanted", text
    monkeypatch.setenv("HOME", str(music.parent))
    assert title_of(sessions, "~/music/a/1.flac") == "wanted"
    assert title_of(sessions, "Sigur Rós/é.flac") == "apart"
    assert title_of(sessions, str(music / normalize("NFC", apart))) == "apart"
    assert title_of(sessions, "caf\udce9.flac") == "bytes"  # as the shell passes it
    assert title_of(sessions, "caf\\xe9.flac") == "bytes"  # as soundalike prints it


def test_an_object_is_named_by_its_url(sessions: Sessions, store: ArtifactStore) -> None:
    with sessions.begin() as session:
        roots.add_root(session, b"s3://bucket/music")
    collection = Collection(sessions, store)
    collection.add({"title": "wanted", "path": b"a/1.flac"}, {"path": b"b/a/1.flac"})
    assert title_of(sessions, "s3://bucket/music/a/1.flac") == "wanted"


def test_a_file_that_is_no_track_is_not_mistaken_for_another(
    music: Path, sessions: Sessions, collection: Collection
) -> None:
    [gone] = collection.add({"title": "1", "path": b"other/1.flac"})
    (music / "1.flac").touch()
    with pytest.raises(LibraryError, match=r"1\.flac is not in the library.*failures"):
        title_of(sessions, str(music / "1.flac"))
    assert title_of(sessions, "other/1.flac") == "1"
    collection.add({"title": "there"})
    collection.remove(gone)
    with pytest.raises(LibraryError, match="no track matches"):
        title_of(sessions, "other/1.flac")


def test_a_near_miss_is_offered(sessions: Sessions, collection: Collection) -> None:
    collection.add({"title": "Guaglione", "artist": "Perez Prado"})
    with pytest.raises(LibraryError, match=r"did you mean 'Perez Prado - Guaglione'\?"):
        title_of(sessions, "Peres Prado - Guaglone")
    with pytest.raises(LibraryError, match=r"no track matches 'xylophone', of 1 track in") as far:
        title_of(sessions, "xylophone")
    assert "did you mean" not in str(far.value)


ODD = ("", " ", "\u200b", "\udcff", "~nobody/x", "x" * 5000, "/", ".", "%", "a' | b", "s3://")


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_no_text_is_more_than_unknown(
    text: str, sessions: Sessions, collection: Collection
) -> None:
    with pytest.raises(NothingIngested):
        title_of(sessions, text)
    collection.add({"title": "song", "path": b"song"})
    with pytest.raises(LibraryError, match="no track matches"):
        title_of(sessions, text)
