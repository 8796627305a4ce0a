"""From the settings to a space, to weights, to a loaded model. Imports no torch until asked to."""

import os
from collections.abc import Callable
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.mert.checkpoint import (
    CONVERTED,
    MertCheckpoint,
    open_cached,
    open_checkpoint,
)
from soundalike.embedders.musicnn.download import FILE as MUSICNN_FILE
from soundalike.embedders.musicnn.download import fetch_musicnn
from soundalike.embedders.spaces import mert_space, mert_windows, musicnn_space, musicnn_windows
from soundalike.settings import ModelName, Settings

LICENCES: dict[ModelName, str] = {
    "mert-v1-95m": "CC-BY-NC-4.0: not for commercial use",
    "mert-v1-330m": "CC-BY-NC-4.0: not for commercial use",
    "musicnn-msd": "ISC",
}


def space_for(settings: Settings) -> EmbeddingSpace:
    """The space that `load_embedder` would embed into. Loads and fetches nothing.

    Raises WeightsError if it depends on a checkpoint that is not there or is damaged.
    """
    if settings.model == "musicnn-msd":
        return musicnn_space(musicnn_windows(settings.windows))
    return mert_space(_checkpoint(settings, settings.model), mert_windows(settings.windows))


def load_embedder(settings: Settings) -> Embedder:
    """The settings' model on the settings' device; its weights are fetched if need be.

    Raises WeightsError, SettingsError.
    """
    # Before torch is loaded: what Apple's GPUs cannot do runs on the CPU, and torch warns of it.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    from soundalike.embedders.inference.devices import choose_device

    device = choose_device(settings.device)
    may_fall_back = settings.device == "auto"
    if settings.model == "musicnn-msd":
        from soundalike.embedders.musicnn.model.embedder import MusicnnEmbedder

        weights = fetch_weights(settings, settings.model)
        windows = musicnn_windows(settings.windows)
        return MusicnnEmbedder(weights, windows, device, may_fall_back=may_fall_back)
    from soundalike.embedders.mert.model.embedder import MertEmbedder

    fetch_weights(settings, settings.model)
    checkpoint, windows = _checkpoint(settings, settings.model), mert_windows(settings.windows)
    half = settings.precision == "auto"
    return MertEmbedder(checkpoint, windows, device, half=half, may_fall_back=may_fall_back)


def fetch_weights(
    settings: Settings,
    model: ModelName,
    report: Callable[[int, int], None] = lambda _have, _total: None,
) -> Path:
    """A model's verified weights file, fetched if need be.

    `report` is told how many bytes of a MERT download are here, and of how many (0: not known).
    MERT is taken from `settings.mert_path` as it is, if set. Raises WeightsError that says what to
    do.
    """
    if model == "musicnn-msd":
        return fetch_musicnn(settings.models_dir / model)
    if settings.mert_path is not None:
        return _checkpoint(settings, model).weights
    from soundalike.embedders.mert.download import fetch_mert

    return fetch_mert(settings.models_dir / model, model, report)


def weights_path(settings: Settings) -> Path:
    """Where the settings' model has its weights, or will have them once fetched.

    Raises WeightsError if `settings.mert_path` is no folder of a checkpoint.
    """
    if settings.model == "musicnn-msd":
        return settings.models_dir / settings.model / MUSICNN_FILE
    if settings.mert_path is not None:
        return _checkpoint(settings, settings.model).weights
    return settings.models_dir / settings.model / CONVERTED


def _checkpoint(settings: Settings, model: ModelName) -> MertCheckpoint:
    if settings.mert_path is not None:
        return open_checkpoint(settings.mert_path, model)
    return open_cached(settings.models_dir / model, model)
