"""MERT (Li et al. 2023) as an embedder: mean over time of one hidden state, mean over windows.

A MERT without CQT is a HuBERT, so transformers' own HubertModel computes it; no remote code runs
and no pickle is executed. Measured against the published code: equal hidden states on all layers.
"""

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import HubertConfig, HubertModel

from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.mert_checkpoint import MertCheckpoint
from soundalike.embedders.pooling import unit_mean
from soundalike.embedders.spaces import MERT_WINDOWS, mert_space
from soundalike.errors import WeightsError

CHUNK = 2  # windows at once; one of 10 s takes about 0.2 GB
# The published checkpoints name the two parts of the weight norm as torch did before 2.0.
WEIGHT_NORM = {
    "conv.weight_g": "conv.parametrizations.weight.original0",
    "conv.weight_v": "conv.parametrizations.weight.original1",
}


class MertEmbedder:
    """A loaded MERT, cut off above its layer: the layers beyond cannot change that state."""

    def __init__(self, checkpoint: MertCheckpoint, device: torch.device) -> None:
        self.space = mert_space(checkpoint)
        self.windows = MERT_WINDOWS
        self.device = device.type
        self._normalise = checkpoint.normalise
        self._model = _truncated(_load(checkpoint), checkpoint.layer).eval().to(device)

    def embed(self, windows: FloatArray) -> Embedding:
        """See `Embedder.embed`."""
        chunks = torch.split(torch.from_numpy(windows), CHUNK)
        pooled = torch.cat([self.hidden_states(chunk)[-1].mean(dim=1) for chunk in chunks])
        return Embedding(unit_mean(pooled.cpu().numpy()))

    @torch.inference_mode()
    def hidden_states(self, windows: Tensor) -> list[Tensor]:
        """Audio [n, samples] to the encoder's input and each layer's output: [n, frames, hidden].

        The last is the encoder's own output, which in a whole pre-norm model has passed the final
        layer norm (as in transformers 4; version 5 lists it before).
        """
        audio = windows.to(self.device)
        if self._normalise:
            audio = _normalised(audio)
        output = self._model(audio, output_hidden_states=True)
        return [*output.hidden_states[:-1], output.last_hidden_state]


def _normalised(audio: Tensor) -> Tensor:
    """Each window to zero mean and unit variance, as Wav2Vec2FeatureExtractor does."""
    variance, mean = torch.var_mean(audio, dim=1, correction=0, keepdim=True)
    return (audio - mean) / torch.sqrt(variance + 1e-7)


def _truncated(model: HubertModel, layer: int) -> HubertModel:
    encoder = model.encoder
    if layer < len(encoder.layers):
        encoder.layers = encoder.layers[:layer]
        if model.config.do_stable_layer_norm:
            encoder.layer_norm = nn.Identity()  # it belongs after the last layer only
    return model


def _load(checkpoint: MertCheckpoint) -> HubertModel:
    """The whole model with exactly the checkpoint's tensors, or WeightsError."""
    tensors = _read(checkpoint)
    try:
        model = HubertModel(HubertConfig(**checkpoint.config.hubert))
        model.load_state_dict(tensors, strict=True)
    except (KeyError, RuntimeError, StrictDataclassError, ValueError) as error:
        raise _refusal(checkpoint, "not its config.json's model", str(error)) from error
    # Some versions of transformers leave the weight norm at random values without failing.
    loaded = model.state_dict()
    wrong = [name for name, tensor in tensors.items() if not torch.equal(loaded[name], tensor)]
    if wrong:
        raise _refusal(checkpoint, "not loaded as they are", ", ".join(wrong))
    return model


def _read(checkpoint: MertCheckpoint) -> dict[str, Tensor]:
    file = checkpoint.weights
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        return {_renamed(name): tensor.float() for name, tensor in tensors.items()}
    except Exception as error:  # a damaged or hostile file fails in many ways
        raise _refusal(checkpoint, "not readable as tensors", str(error)) from error


def _refusal(checkpoint: MertCheckpoint, problem: str, told: str) -> WeightsError:
    """torch tells its errors over many lines, and names every tensor."""
    return WeightsError(f"{checkpoint.weights}: {problem}: {' '.join(told.split())[:300]}")


def _renamed(name: str) -> str:
    for old, new in WEIGHT_NORM.items():
        name = name.replace(old, new)
    return name
