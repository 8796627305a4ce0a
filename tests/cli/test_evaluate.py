"""`soundalike evaluate` from a folder to its report, with a model that costs nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from soundalike.cli import app, evaluate
from soundalike.errors import LibraryError
from tests.fakes import FakeEmbedder
from tests.sounds import song


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", "musicnn-msd")
    monkeypatch.setattr(evaluate, "load_embedder", lambda _: FakeEmbedder())
    return CliRunner()


def arguments(folder: Path, *more: str) -> list[str]:
    return ["evaluate", str(folder / "music"), "--out", str(folder / "out"), "--copies", "0", *more]


def test_a_folder_of_folders_becomes_a_report(run: CliRunner, tmp_path: Path) -> None:
    for seed in range(14):
        song(tmp_path / "music" / "ab"[seed % 2] / f"{seed}.flac", seconds=1.5, seed=seed)
    (tmp_path / "music" / "a" / "cover.jpg").write_bytes(b"no music")
    ended = run.invoke(app, arguments(tmp_path))
    assert ended.exit_code == 0, ended.output
    report = (tmp_path / "out" / "report.md").read_text()
    assert "14 tracks, 2 labels" in report
    assert all(f"| {model} |" in report for model in ("musicnn-msd", "mfcc", "random"))
    assert (tmp_path / "out" / "quality.png").exists() == evaluate.plots.can_plot()


def test_a_folder_without_music_is_said(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    ended = run.invoke(app, arguments(tmp_path, "--labels", "tag:genre"))
    assert isinstance(ended.exception, LibraryError)
    assert "0 usable tracks" in str(ended.exception)


def test_a_huge_folder_is_thinned_out_evenly(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        (tmp_path / f"{number}.mp3").touch()
    monkeypatch.setattr(evaluate, "MAX_TRACKS", 3)
    found = evaluate._files(tmp_path, evaluate.load_settings())
    assert [path.name for path in found] == ["0.mp3", "3.mp3", "6.mp3"]


def test_what_an_ingest_leaves_out_is_left_out(run: CliRunner, tmp_path: Path) -> None:
    for name in ("album/a.mp3", "album/._a.mp3", "skip/b.mp3", ".trash/c.mp3", "#recycle/d.mp3"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / "skip" / ".soundalikeignore").write_text("*\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = evaluate._files(tmp_path, evaluate.load_settings())
    assert found == [tmp_path / "album" / "a.mp3"]


def test_a_folder_that_is_not_there_is_named(run: CliRunner, tmp_path: Path) -> None:
    ended = run.invoke(app, arguments(tmp_path))
    assert isinstance(ended.exception, LibraryError)
    assert str(tmp_path / "music") in str(ended.exception)
