"""Tables must fit the terminal, split no word, and leave the name of each file to be seen."""

import datetime as dt
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from soundalike.catalog.failures import FailureView
from soundalike.catalog.file_views import FileView
from soundalike.catalog.tracks import TrackView
from soundalike.cli import gc
from soundalike.maintenance.local_garbage import Garbage
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import PathCell, failures_table, shortened, similar_table
from soundalike.vectors.ranking import Result

WIDTHS = (40, 80, 100)
LONG = "Supercalifragilisticexpialidocious" * 3
FRAME = "┏━┳┓┃┡╇┩│└─┴┘"
PATH = "Radiohead/1997 OK Computer/02 - Paranoid Android.flac"


def track(title: str, path: str | None, *tags: str) -> TrackView:
    words = [{"word": tag, "score": 0.9} for tag in tags]
    artist = "Radiohead"
    file = FileView("m", path, path.encode(), b"/m") if path else None
    return TrackView(
        "0" * 32, title, artist, [artist], None, None, [], None, None, None, file, words
    )


def failure(path: str, message: str, retry_at: dt.datetime | None = None) -> FailureView:
    stage, code, now = "resampled_audio", "too_much_memory", dt.datetime.now(dt.UTC)
    return FailureView(1, "m", b"/m", path, None, stage, code, message, 12, now, retry_at)


SIMILAR = [
    (Result(1, "a", 0.98765, 99.94), track("Paranoid Android", PATH, "alternative rock", "indie")),
    (
        Result(2, "b", -0.1, None),
        track("夜に駆ける" * 9, "音楽/" + "夜に駆ける" * 9 + ".mp3", "j-pop"),
    ),
    (Result(10, "c", 0.5, 7.0), track(LONG, f"a/{LONG}.opus")),
    (Result(11, "d", 0.5, 7.0), track("[red]two\nlines[/red]", None, "electronic")),
]
FAILURES = [
    failure(PATH, "decoding it takes more than a gigabyte: no music does"),
    failure(f"{LONG}/{LONG}.mp3", f"no [audio] in {LONG}", dt.datetime(2025, 11, 28, 21, 15)),
]


def lines(table: RenderableType, width: int) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().splitlines()


def words(table: RenderableType, width: int) -> set[str]:
    text = "\n".join(lines(table, width)).replace(" …", "…")  # half of a wide letter is a space
    return set(re.split(rf"[\s/{FRAME}]+", text)) - {""}


def tables(width: int, folder: Path) -> list[RenderableType]:
    store = ArtifactStore(folder)
    garbage = [Garbage(store.indexes / LONG / "index.faiss", 2**30, "index that was damaged")]
    return [
        similar_table(SIMILAR[0][1], SIMILAR, width),
        similar_table(track(LONG, None), SIMILAR, width),
        failures_table(FAILURES, 5, width),
        gc._table(garbage, store),
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width: int, tmp_path: Path) -> None:
    widest = [max(map(cell_len, lines(each, width))) for each in tables(width, tmp_path)]
    assert max(widest) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_word_is_whole_or_ends_in_an_ellipsis(width: int, tmp_path: Path) -> None:
    whole = {word for each in tables(1000, tmp_path) for word in words(each, 1000)}
    shown = {word for each in tables(width, tmp_path) for word in words(each, width)}
    assert len(shown) > 40
    assert [word for word in shown - whole if "…" not in word] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_name_of_each_file_can_be_seen(width: int) -> None:
    for table in (similar_table(SIMILAR[0][1], SIMILAR, width), failures_table(FAILURES, 2, width)):
        text = "\n".join(lines(table, width))
        assert "02 -" in text
        assert ".flac" in text


def test_the_percentile_is_shown_where_there_is_one() -> None:
    rows = lines(similar_table(SIMILAR[0][1], SIMILAR, 80), 80)
    assert any("percentile" in row for row in rows)
    assert any("0.988 │       99.9 │" in row for row in rows)
    assert any("-0.100 │            │" in row for row in rows)


def test_tags_take_no_room_if_no_track_has_any() -> None:
    untagged = [(result, track(view.title, view.path)) for result, view in SIMILAR]
    assert "tags" in words(similar_table(untagged[0][1], SIMILAR, 80), 80)
    assert "tags" not in words(similar_table(untagged[0][1], untagged, 80), 80)


def test_markup_and_control_characters_of_names_are_text() -> None:
    query = track("[bold]a\x1b[31m", None)
    text = "\n".join(lines(similar_table(query, SIMILAR, 100), 100))
    assert "[bold]a\\x1b[31m" in text
    assert "[red]two\\x0alines[/red]" in text


@pytest.mark.parametrize(
    ("width", "short"),
    [
        (60, PATH),
        (52, "…/1997 OK Computer/02 - Paranoid Android.flac"),
        (30, "…/02 - Paranoid Android.flac"),
        (26, "02 - Paranoid Android.flac"),
        (12, "02 - P….flac"),
    ],
)
def test_a_path_loses_its_first_folders_first(width: int, short: str) -> None:
    assert shortened(PATH, width) == short


@given(st.text(st.characters(exclude_categories=["C", "M", "Z"])), st.integers(1, 60))
def test_a_shortened_path_fits_whatever_it_is_made_of(path: str, width: int) -> None:
    assert cell_len(shortened(path, width)) <= width
    assert len(lines(PathCell(path), width)) == 1
