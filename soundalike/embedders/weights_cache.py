"""The folder in which a model's fetched weights are kept."""

from pathlib import Path

import platformdirs

from soundalike.settings import Settings


def weights_folder(settings: Settings, model: str) -> Path:
    """Return the folder of a model's weights: in the user's cache, shared by all data roots.

    SOUNDALIKE_MODELS names another cache. Weights in the data root, where they once were kept, are
    used there.
    """
    if settings.models:
        return settings.models / model
    in_data_root = settings.data / "models" / model
    if in_data_root.is_dir():
        return in_data_root
    return platformdirs.user_cache_path("soundalike") / "models" / model
