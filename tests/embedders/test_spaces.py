import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders import window_plans
from soundalike.embedders.base import EmbeddingSpace
from soundalike.embedders.mert import spec
from soundalike.embedders.mert.checkpoint import MertCheckpoint, open_checkpoint
from soundalike.embedders.mert.spec import mert_windows
from soundalike.embedders.musicnn.spec import musicnn_space, musicnn_windows
from soundalike.settings import Windows

from .checkpoints import TensorMap, changed_mert

BALANCED = mert_windows("balanced")


def mert_space(checkpoint: MertCheckpoint) -> EmbeddingSpace:
    return spec.mert_space(checkpoint, BALANCED)


@pytest.fixture
def checkpoint(mert_folder: Path) -> MertCheckpoint:
    return open_checkpoint(mert_folder, "mert-v1-95m")


def test_the_id_tells_people_model_layer_window_and_pooling(checkpoint: MertCheckpoint) -> None:
    space = mert_space(checkpoint)
    assert space.id == "mert-v1-95m.l6.6x10s.mean"
    assert space.dimension == 32


def test_another_layer_is_another_space(checkpoint: MertCheckpoint) -> None:
    one, other = mert_space(checkpoint), mert_space(replace(checkpoint, layer=5))
    assert one.id != other.id
    assert one.fingerprint != other.fingerprint


def test_windows_that_are_scaled_first_are_another_space(checkpoint: MertCheckpoint) -> None:
    other = replace(checkpoint, normalise=not checkpoint.normalise)
    assert mert_space(other).key != mert_space(checkpoint).key


@pytest.mark.parametrize("other", [replace(BALANCED, samples=5 * 24_000), mert_windows("all")])
def test_other_windows_are_another_space(checkpoint: MertCheckpoint, other: WindowPlan) -> None:
    one, changed = mert_space(checkpoint), spec.mert_space(checkpoint, other)
    assert one.id != changed.id
    assert one.fingerprint != changed.fingerprint


def test_other_preprocessing_is_another_space(
    checkpoint: MertCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = mert_space(checkpoint)
    monkeypatch.setattr(window_plans, "PREPROCESSING", window_plans.PREPROCESSING + 1)
    assert mert_space(checkpoint).key != one.key


@pytest.mark.parametrize(
    ("wanted", "mert", "musicnn"), [("balanced", 6, 20), ("all", None, None), (3, 3, 3)]
)
def test_balanced_is_a_minute_of_each_track(
    wanted: Windows, mert: int | None, musicnn: int | None
) -> None:
    assert (mert_windows(wanted).max_windows, musicnn_windows(wanted).max_windows) == (
        mert,
        musicnn,
    )


def test_other_weights_are_another_space(
    mert_folder: Path, checkpoint: MertCheckpoint, tmp_path: Path
) -> None:
    def nudge(tensors: TensorMap) -> None:
        tensors["encoder.layer_norm.bias"] += torch.tensor(1e-3)

    folder = changed_mert(mert_folder, tmp_path / "changed", weights=nudge)
    other = mert_space(open_checkpoint(folder, "mert-v1-95m"))
    assert other.key != mert_space(checkpoint).key


@pytest.mark.parametrize("change", [{"layer_norm_eps": 1e-3}, {"num_attention_heads": 2}])
def test_another_architecture_of_the_same_weights_is_another_space(
    mert_folder: Path, checkpoint: MertCheckpoint, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(mert_folder, folder)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | change))
    other = open_checkpoint(folder, "mert-v1-95m")
    assert other.revision == checkpoint.revision
    assert mert_space(other).key != mert_space(checkpoint).key


def test_the_musicnn_space_stays_what_it_is() -> None:
    """A change here re-embeds every library: make it on purpose."""
    space = musicnn_space(musicnn_windows("balanced"))
    assert space.id == "musicnn-msd.pooled.20x3s.mean"
    assert space.fingerprint == "ed2298a997ff349a"
