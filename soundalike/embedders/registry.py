"""The registry of models that SOUNDALIKE_MODEL may name. Imports torch only to load one."""

import os
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.mert.spec import MERT_95M, MERT_330M
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.musicnn.spec import MUSICNN_MSD
from soundalike.progress import DownloadProgress, report_nothing
from soundalike.settings import ModelName, Settings

MODELS: dict[ModelName, ModelSpec] = {
    spec.name: spec
    for spec in (
        MERT_95M,
        MERT_330M,
        MUSICNN_MSD,
    )
}


def space_for(settings: Settings) -> EmbeddingSpace:
    """The space that `load_embedder` would embed into. Loads and fetches nothing.

    Raises WeightsError if it depends on a checkpoint that is missing or damaged.
    """
    return MODELS[settings.model].space(settings)


def weights_path(settings: Settings) -> Path:
    """The path of the weights of the settings' model, whether or not they are fetched.

    Raises WeightsError if `settings.mert_path` is not the folder of a checkpoint.
    """
    return MODELS[settings.model].weights_path(settings)


def fetch_weights(
    settings: Settings, model: ModelName, report: DownloadProgress = report_nothing
) -> Path:
    """Return a model's verified weights file; fetch it first if necessary.

    `report` gets the bytes received and the bytes in all (0: not known). Raises WeightsError that
    says what to do.
    """
    return MODELS[model].fetch(settings, report)


def load_embedder(settings: Settings) -> Embedder:
    """Load the settings' model onto the settings' device; its weights are fetched if necessary.

    Raises WeightsError, SettingsError.
    """
    # Must be set before torch is imported. Operations that Apple's GPUs lack then run on the CPU,
    # with a warning from torch.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    return MODELS[settings.model].load(settings)
