"""From the settings to a space, to weights, to a loaded model. Imports no torch until asked to."""

from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.mert_checkpoint import MertCheckpoint, open_checkpoint
from soundalike.embedders.musicnn_weights import FILE as MUSICNN_FILE
from soundalike.embedders.musicnn_weights import fetch_musicnn
from soundalike.embedders.spaces import mert_space, musicnn_space
from soundalike.errors import WeightsError
from soundalike.settings import ModelName, Settings


def space_for(settings: Settings) -> EmbeddingSpace:
    """The space that `load_embedder` would embed into. Loads no model.

    Raises WeightsError if it depends on a checkpoint that is not there.
    """
    if settings.model == "musicnn-msd":
        return musicnn_space()
    return mert_space(_checkpoint(settings, settings.model))


def load_embedder(settings: Settings) -> Embedder:
    """The settings' model on the settings' device; its weights are fetched if need be.

    Raises WeightsError, SettingsError.
    """
    from soundalike.embedders.devices import choose_device

    device = choose_device(settings.device)
    if settings.model == "musicnn-msd":
        from soundalike.embedders.musicnn import MusicnnEmbedder

        return MusicnnEmbedder(fetch_weights(settings, settings.model), device)
    from soundalike.embedders.mert import MertEmbedder

    return MertEmbedder(_checkpoint(settings, settings.model), device)


def fetch_weights(settings: Settings, model: ModelName) -> Path:
    """A model's verified weights file, fetched if need be.

    MERT is taken from `settings.mert_path` as it is. Raises WeightsError that says what to do.
    """
    if model == "musicnn-msd":
        return fetch_musicnn(settings.models_dir / model)
    return _checkpoint(settings, model).weights


def weights_path(settings: Settings) -> Path:
    """Where the settings' model has its weights, or will have them once fetched."""
    if settings.model == "musicnn-msd":
        return settings.models_dir / settings.model / MUSICNN_FILE
    return _checkpoint(settings, settings.model).weights


def _checkpoint(settings: Settings, model: ModelName) -> MertCheckpoint:
    if settings.mert_path is None:
        raise WeightsError(
            f"{model}: downloading it comes with the next release. Set SOUNDALIKE_MERT_PATH to a "
            "folder with its config.json and model.safetensors or pytorch_model.bin, or "
            "SOUNDALIKE_MODEL=musicnn-msd"
        )
    return open_checkpoint(settings.mert_path, model)
