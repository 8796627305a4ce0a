"""`soundalike evaluate` from a folder to its report, with a model that costs nothing."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from soundalike.cli import app, evaluate
from soundalike.embedders import load_embedder
from soundalike.errors import LibraryError, SettingsError, WeightsError
from soundalike.evaluation.retrieval import METRICS
from tests.fakes import FakeEmbedder
from tests.hub import TINY
from tests.sounds import song


@pytest.fixture
def run(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(models_dir))
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", "musicnn-msd")
    monkeypatch.setattr(evaluate, "load_embedder", lambda _: FakeEmbedder())
    return CliRunner()


def arguments(folder: Path, *more: str) -> list[str]:
    return ["evaluate", str(folder / "music"), "--out", str(folder / "out"), "--copies", "0", *more]


@pytest.mark.slow
def test_a_folder_of_folders_becomes_a_report(run: CliRunner, tmp_path: Path) -> None:
    for seed in range(14):
        song(tmp_path / "music" / "ab"[seed % 2] / f"{seed}.flac", seconds=1.5, seed=seed)
    (tmp_path / "music" / "a" / "cover.jpg").write_bytes(b"no music")
    ended = run.invoke(app, arguments(tmp_path))
    assert ended.exit_code == 0, ended.output
    report = (tmp_path / "out" / "report.md").read_text()
    assert "14 tracks, 2 labels" in report
    models = {"musicnn-msd", "mfcc (baseline)", "random (baseline)"}
    assert {line.split("|")[1].strip() for line in report.splitlines() if "|" in line} >= models
    assert set(pd.read_csv(tmp_path / "out" / "report.csv")["model"]) == models
    assert (tmp_path / "out" / "quality.png").exists() == evaluate.plots.can_plot()


@pytest.mark.slow
def test_two_models_are_compared_on_the_same_tracks(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "load_embedder", load_embedder)
    monkeypatch.setenv("SOUNDALIKE_MERT_PATH", str(TINY))
    for seed in range(14):
        song(tmp_path / "music" / "ab"[seed % 2] / f"{seed}.flac", seconds=1.5, seed=seed)
    ended = run.invoke(app, arguments(tmp_path, "--against", "mert-v1-95m"))
    assert ended.exit_code == 0, ended.output
    assert "## musicnn-msd less mert-v1-95m" in (tmp_path / "out" / "report.md").read_text()
    every = pd.DataFrame(json.loads((tmp_path / "out" / "report.json").read_text())["measures"])
    alone, compared = every[every["against"].isna()], every[every["against"].notna()]
    assert len(compared) == 2 * len(METRICS)
    pairs = compared[["model", "against"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["musicnn-msd", "mert-v1-95m"]]
    means = alone.pivot(index=["section", "measure"], columns="model", values="value")
    expected = (means["musicnn-msd"] - means["mert-v1-95m"]).dropna()
    told = compared.set_index(["section", "measure"])["value"]
    assert told.to_dict() == pytest.approx(expected[told.index].to_dict())
    assert told.any()


def test_a_model_whose_weights_are_missing_is_named_before_anything_is_decoded(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(tmp_path / "music" / "a" / "1.flac", seconds=1.5)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(tmp_path / "empty"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", "mert-v1-95m")
    ended = run.invoke(app, arguments(tmp_path, "--against", "mert-v1-330m"))
    assert isinstance(ended.exception, WeightsError)
    assert "mert-v1-95m: its weights cannot be fetched" in str(ended.exception)
    assert not (tmp_path / "data" / "evaluation").exists()


@pytest.mark.parametrize(
    ("against", "named"),
    [("vggish", "there is no model 'vggish'"), ("musicnn-msd", "this is the model itself")],
)
def test_a_model_that_cannot_be_compared_with_is_named(
    run: CliRunner, tmp_path: Path, against: str, named: str
) -> None:
    (tmp_path / "music").mkdir()
    ended = run.invoke(app, arguments(tmp_path, "--against", against))
    assert isinstance(ended.exception, SettingsError)
    assert named in str(ended.exception)


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
