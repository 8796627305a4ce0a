import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.mert.checkpoint import MertCheckpoint, open_checkpoint
from soundalike.embedders.mert.model import embedder as mert
from soundalike.embedders.mert.model.embedder import MertEmbedder
from soundalike.embedders.mert.model.frontend import CPU_TILE
from soundalike.embedders.mert.model.network import MertNetwork
from soundalike.embedders.mert.model.tensors import read_tensors, verify_loaded
from soundalike.embedders.mert.spec import mert_windows
from soundalike.errors import AudioError, WeightsError

from .checkpoints import TensorMap, changed_mert

CPU = torch.device("cpu")
POSITION = "encoder.pos_conv_embed.conv.weight_g"


def _open(folder: Path) -> MertCheckpoint:
    return open_checkpoint(folder, "mert-v1-95m")


def _load(folder: Path) -> MertEmbedder:
    return MertEmbedder(_open(folder), mert_windows("balanced"), CPU, half=False)


def _embed(folder: Path, windows: FloatArray) -> Embedding:
    embedder = _load(folder)
    return embedder.pool(embedder.extract(windows))


def _states(checkpoint: MertCheckpoint, audio: FloatArray) -> list[torch.Tensor]:
    tensors = read_tensors(checkpoint)
    layer, normalise = checkpoint.layer, checkpoint.normalise
    network = MertNetwork(checkpoint.config, tensors, layer, normalise)
    return list(network.hidden_states(torch.from_numpy(audio)))


def _hubert_states(checkpoint: MertCheckpoint, audio: FloatArray) -> list[torch.Tensor]:
    """Of transformers' own model, whole, from the same file."""
    named = torch.load(checkpoint.weights, weights_only=True)
    model = HubertModel(HubertConfig(**checkpoint.config.hubert)).eval()
    old_names = {"conv.weight_g": "original0", "conv.weight_v": "original1"}
    for old, new in old_names.items():
        name = f"encoder.pos_conv_embed.{old}"
        named[f"encoder.pos_conv_embed.conv.parametrizations.weight.{new}"] = named.pop(name)
    model.load_state_dict(named, strict=True)
    samples = torch.from_numpy(audio)
    variance, mean = torch.var_mean(samples, dim=1, correction=0, keepdim=True)
    with torch.inference_mode():
        normalised = (samples - mean) / torch.sqrt(variance + 1e-7)
        return list(model(normalised, output_hidden_states=True).hidden_states)


def _reference(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Audio [2, 24000], and the published code's hidden states [9, 2, 74, 32] for it."""
    with np.load(folder / "reference.npz", allow_pickle=False) as reference:
        return reference["wav"], reference["hidden_states"]


def test_every_hidden_state_is_that_of_the_published_code(mert_folder: Path) -> None:
    audio, expected = _reference(mert_folder)
    states = _states(replace(_open(mert_folder), layer=len(expected) - 1), audio)
    np.testing.assert_allclose(torch.stack(states).numpy(), expected, rtol=0, atol=1e-4)


def test_cutting_folding_and_tiling_change_nothing(mert_folder: Path) -> None:
    """Against the whole model with its weight norm as it is, on windows of several tiles."""
    audio = np.concatenate(_reference(mert_folder)[0]).reshape(1, -1)
    audio = np.concatenate([audio, 0.1 * audio[:, ::-1]])
    ours, whole = _states(_open(mert_folder), audio), _hubert_states(_open(mert_folder), audio)
    assert len(ours) == 7
    assert ours[6].shape[1] > 2 * CPU_TILE
    for state, expected in zip(ours, whole, strict=False):
        np.testing.assert_allclose(state, expected, rtol=0, atol=1e-5)


def test_layers_above_the_one_that_is_read_do_not_matter(mert_folder: Path) -> None:
    audio, expected = _reference(mert_folder)
    whole = _states(replace(_open(mert_folder), layer=len(expected) - 1), audio)
    assert torch.equal(_states(_open(mert_folder), audio)[6], whole[6])


def test_the_vector_is_the_mean_over_time_and_windows_of_layer_6(mert_folder: Path) -> None:
    audio, expected = _reference(mert_folder)
    mean = expected[6].mean(axis=(0, 1))
    embedding = _embed(mert_folder, audio)
    assert embedding.tags == ()
    np.testing.assert_allclose(embedding.vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_quiet_master_gives_the_vector_of_a_loud_one(mert_folder: Path) -> None:
    audio, _ = _reference(mert_folder)
    loud, quiet = _embed(mert_folder, audio), _embed(mert_folder, audio / 4)
    np.testing.assert_allclose(loud.vector, quiet.vector, atol=1e-4)


def test_a_checkpoint_that_asks_for_no_normalisation_gets_none(
    mert_folder: Path, tmp_path: Path
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    audio, expected = _reference(mert_folder)
    raw = _states(_open(folder), audio)
    assert not np.allclose(raw[0], expected[0], atol=1e-4)
    assert _load(folder).space.fingerprint != _load(mert_folder).space.fingerprint


def test_the_same_audio_gives_the_same_bits(mert_folder: Path) -> None:
    audio, _ = _reference(mert_folder)
    once, again = _embed(mert_folder, audio), _embed(mert_folder, audio)
    assert once.vector.tobytes() == again.vector.tobytes()


def test_a_short_track_is_one_short_window(mert_folder: Path) -> None:
    audio = _reference(mert_folder)[0][:1, :20_000]
    assert _embed(mert_folder, audio).vector.shape == (32,)


def test_audio_that_is_not_finite_is_refused(mert_folder: Path) -> None:
    with pytest.raises(AudioError) as refused:
        _embed(mert_folder, np.full((1, 24_000), np.nan, np.float32))
    assert refused.value.code == "not_finite"


def _drop(tensors: TensorMap) -> None:
    del tensors[POSITION]


def _add(tensors: TensorMap) -> None:
    tensors["encoder.layers.8.weight"] = torch.zeros(1)


def _reshape(tensors: TensorMap) -> None:
    tensors[POSITION] = tensors[POSITION][..., :-1].clone()


def _spoil(tensors: TensorMap) -> None:
    tensors[POSITION][0, 0, 0] = torch.nan


@pytest.mark.parametrize("change", [_drop, _add, _reshape, _spoil])
def test_a_checkpoint_with_other_tensors_is_refused(
    mert_folder: Path, tmp_path: Path, change: Callable[[TensorMap], None]
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed", weights=change)
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin"):
        _load(folder)


@pytest.mark.parametrize(
    "config", [{"num_attention_heads": 5}, {"conv_dim": [16]}, {"hidden_act": "nonesuch"}]
)
def test_a_config_of_no_possible_model_is_refused(
    mert_folder: Path, tmp_path: Path, config: dict[str, object]
) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed", config=config)
    with pytest.raises(WeightsError, match=r"config\.json"):
        _load(folder)


def test_weights_that_did_not_arrive_as_they_are_are_noticed(
    mert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when transformers 4.44 left the positional convolution at random values."""

    def forgetful(*arguments: Any) -> MertNetwork:
        network = MertNetwork(*arguments)
        network.position.kernel.normal_()
        return network

    monkeypatch.setattr(mert, "MertNetwork", forgetful)
    with pytest.raises(WeightsError, match=r"not loaded as they are: encoder\.pos_conv_embed"):
        _load(mert_folder)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_every_single_tensor_of_the_network_is_verified(
    mert_folder: Path, precision: torch.dtype
) -> None:
    checkpoint = _open(mert_folder)
    tensors = read_tensors(checkpoint)
    network = MertNetwork(checkpoint.config, tensors, 6, True, precision)
    verify_loaded(checkpoint, network, tensors)
    for name, buffer in network.named_buffers():
        whole = buffer.clone()
        buffer[(-1,) * buffer.dim()] += 1
        with pytest.raises(WeightsError, match="not loaded as they are"):
            verify_loaded(checkpoint, network, tensors)
        buffer.copy_(whole)
        assert torch.equal(buffer, whole), name


def test_safetensors_and_pickle_give_the_same_vector(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    audio, _ = _reference(mert_folder)
    np.testing.assert_array_equal(_embed(folder, audio).vector, _embed(mert_folder, audio).vector)


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was executed",))


def test_a_pickle_that_runs_code_is_refused_unexecuted(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(WeightsError, match="not readable as tensors"):
        _load(folder)


def test_a_truncated_file_is_a_weights_error(mert_folder: Path, tmp_path: Path) -> None:
    folder = changed_mert(mert_folder, tmp_path / "changed")
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="not readable as tensors"):
        _load(folder)
