"""Labels are those of the file they stand beside, whatever the source; what is unknown stays so."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.audio.tags.fields import FileTags
from soundalike.evaluation.labels import LabelError, LabelFacts, collected, label_files

ROOT = Path("/music")
TAGS = {
    ROOT / "Jazz" / "Monk" / "a.mp3": FileTags(
        artists=("Monk",), album="Solo", genres=("Jazz", "Bop")
    ),
    ROOT / "Rock" / "b.mp3": FileTags(genres=("rock",), year=1999),
    ROOT / "loose.mp3": FileTags(),
}
A, B, LOOSE = TAGS


def test_a_folder_below_the_first_is_no_label_of_its_own() -> None:
    found = label_files("folder", ROOT, TAGS)
    assert found[A] == LabelFacts("Jazz", "Monk", "Solo")
    assert found[B].label == "Rock"
    assert found[LOOSE].label == ""


def test_each_genre_is_a_label_whatever_its_case() -> None:
    found = label_files("tag:genre", ROOT, TAGS)
    assert [found[path].label for path in TAGS] == ["jazz;bop", "rock", ""]
    assert label_files("tag:year", ROOT, TAGS)[B].label == "1999"


def test_a_csv_wins_over_the_tags_and_leaves_others_unlabelled(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text('label,path,artist\nblue,Jazz/Monk/a.mp3,\n"red, dark",Rock/b.mp3,Someone\n')
    found = label_files(str(table), ROOT, TAGS)
    assert found[A] == LabelFacts("blue", "Monk", "Solo")
    assert found[B] == LabelFacts("red, dark", "Someone", "")
    assert found[LOOSE] == LabelFacts()
    table.write_text("path,label,artist,album\nJazz/Monk/a.mp3,blue,Thelonious,Live\n")
    assert label_files(str(table), ROOT, TAGS)[A] == LabelFacts("blue", "Thelonious", "Live")


def test_words_that_mean_nothing_elsewhere_are_labels(tmp_path: Path) -> None:
    """A mark before the text, as spreadsheets write it, and values that stand for missing ones."""
    table = tmp_path / "labels.csv"
    table.write_text("\ufeffpath,label,album\nRock/b.mp3,NA,007\nloose.mp3,None\n", "utf-8")
    found = label_files(str(table), ROOT, TAGS)
    assert found[B] == LabelFacts("NA", "", "007")
    assert found[LOOSE] == LabelFacts("None")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,genre\na,b\n", "first line must name path, label"),
        ("path,label,extra\n", "first line must name path, label"),
        ("", "first line must name path, label"),
        (b"path,label\na,\xff\n", "no CSV"),
        ("path,label\na,b,c\n", "no CSV"),
        ("path,label\na,b\nc,d,e\n", "no CSV"),
        ('path,label\n"a,b\n', "no CSV"),
        ("path,label\na,b\na,c\n", "a has two rows"),
        (None, "not `folder`, not `tag:genre`"),
    ],
)
def test_a_csv_that_is_none_is_said(tmp_path: Path, content: str | bytes, message: str) -> None:
    table = tmp_path / "labels.csv"
    if content is not None:
        table.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(LabelError, match=message):
        label_files(str(table), ROOT, TAGS)


def test_a_tag_that_no_file_has_is_said() -> None:
    with pytest.raises(LabelError, match="genre, artist, album, year"):
        label_files("tag:mood", ROOT, TAGS)


def test_tracks_that_share_one_of_several_labels_or_artists_agree() -> None:
    facts = [
        LabelFacts("latin;mambo", "a;b"),
        LabelFacts("latin", "b"),
        LabelFacts("mambo", "c"),
        LabelFacts("", ""),
        LabelFacts("", ""),
    ]
    known = collected(facts)
    assert np.argwhere(known.relevant()).tolist() == [[0, 1], [0, 2], [1, 0], [2, 0]]
    allowed = known.candidates(other_artist=True, other_album=False)
    assert not allowed[0, 1]
    assert allowed[0, 2] and allowed[3, 4]


def test_case_and_spacing_tell_artists_and_albums_apart() -> None:
    known = collected([LabelFacts("x", "The Who", "Tommy"), LabelFacts("y", " the  WHO", "tommy ")])
    assert not known.candidates(other_artist=True, other_album=False).any()
    assert not known.candidates(other_artist=False, other_album=True).any()


def test_rows_stay_in_order() -> None:
    known = collected([LabelFacts("x", "a", "1"), LabelFacts("y", "b", "2")])
    assert (known.label.tolist(), known.artist.tolist()) == (["x", "y"], ["a", "b"])
    assert len(collected([])) == 0
