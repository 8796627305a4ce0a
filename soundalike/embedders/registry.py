"""The registry: every model that SOUNDALIKE_MODEL may name. No torch until one is loaded."""

import os
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.hub import DownloadProgress, report_nothing
from soundalike.embedders.mert.spec import MERT_95M, MERT_330M
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.musicnn.spec import MUSICNN_MSD
from soundalike.settings import ModelName, Settings

MODELS: dict[ModelName, ModelSpec] = {
    "mert-v1-95m": MERT_95M,
    "mert-v1-330m": MERT_330M,
    "musicnn-msd": MUSICNN_MSD,
}


def space_for(settings: Settings) -> EmbeddingSpace:
    """The space that `load_embedder` would embed into. Loads and fetches nothing.

    Raises WeightsError if it depends on a checkpoint that is not there or is damaged.
    """
    return MODELS[settings.model].space(settings)


def weights_path(settings: Settings) -> Path:
    """The path of the weights of the settings' model, whether or not they are fetched.

    Raises WeightsError if `settings.mert_path` is no folder of a checkpoint.
    """
    return MODELS[settings.model].weights_path(settings)


def fetch_weights(
    settings: Settings, model: ModelName, report: DownloadProgress = report_nothing
) -> Path:
    """A model's verified weights file, fetched if need be.

    `report` is told how many bytes of a download are here, and of how many (0: not known). Raises
    WeightsError that says what to do.
    """
    return MODELS[model].fetch(settings, report)


def load_embedder(settings: Settings) -> Embedder:
    """Load the settings' model onto the settings' device; its weights are fetched if need be.

    Raises WeightsError, SettingsError.
    """
    # Before torch is loaded: what Apple's GPUs cannot do runs on the CPU, and torch warns of it.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    return MODELS[settings.model].load(settings)
