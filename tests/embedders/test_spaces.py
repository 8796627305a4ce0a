from dataclasses import replace
from pathlib import Path

import pytest
import torch

from soundalike.embedders import spaces
from soundalike.embedders.mert_checkpoint import MertCheckpoint, open_checkpoint
from soundalike.embedders.spaces import mert_space, musicnn_space

from .checkpoints import TensorMap, changed_mert


@pytest.fixture
def checkpoint(mert_folder: Path) -> MertCheckpoint:
    return open_checkpoint(mert_folder, "mert-v1-95m")


def test_the_id_tells_people_model_layer_window_and_pooling(checkpoint: MertCheckpoint) -> None:
    space = mert_space(checkpoint)
    assert space.id == "mert-v1-95m.l6.w10s.mean"
    assert space.dimension == 32


def test_another_layer_is_another_space(checkpoint: MertCheckpoint) -> None:
    one, other = mert_space(checkpoint), mert_space(replace(checkpoint, layer=5))
    assert one.id != other.id
    assert one.fingerprint != other.fingerprint


def test_another_window_is_another_space(
    checkpoint: MertCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = mert_space(checkpoint)
    monkeypatch.setattr(spaces, "MERT_WINDOWS", replace(spaces.MERT_WINDOWS, samples=5 * 24_000))
    other = mert_space(checkpoint)
    assert one.id != other.id
    assert one.fingerprint != other.fingerprint


def test_other_weights_are_another_space(
    mert_folder: Path, checkpoint: MertCheckpoint, tmp_path: Path
) -> None:
    def nudge(tensors: TensorMap) -> None:
        tensors["encoder.layer_norm.bias"] += torch.tensor(1e-3)

    folder = changed_mert(mert_folder, tmp_path / "changed", weights=nudge)
    other = mert_space(open_checkpoint(folder, "mert-v1-95m"))
    assert other.fingerprint != mert_space(checkpoint).fingerprint


def test_the_musicnn_space_stays_what_it_is() -> None:
    """A change here re-embeds every library: make it on purpose."""
    assert musicnn_space().id == "musicnn-msd.penultimate.w3s.mean"
    assert musicnn_space().fingerprint == "cc15478e726fe073"
