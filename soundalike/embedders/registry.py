"""The registry of models that SOUNDALIKE_MODEL may name. Imports torch only to load one."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.mert.spec import MERT_95M, MERT_330M
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.musicnn.spec import MUSICNN_MSD
from soundalike.embedders.plugins import load_plugin
from soundalike.memory import require_memory
from soundalike.progress import DownloadProgress, report_nothing
from soundalike.settings import Settings
from soundalike.settings.model_names import offered

MORE_MEMORY = (
    "Close other programs, raise that limit, or set SOUNDALIKE_MODEL to a smaller model "
    "(`soundalike models list`)."
)
BUILT_IN = {
    spec.name: spec
    for spec in (
        MERT_95M,
        MERT_330M,
        MUSICNN_MSD,
    )
}


class Models(Mapping[str, ModelSpec]):
    """The built-in models by name, and those of other packages, imported only when asked for.

    An unknown name raises SettingsError that lists the known ones; a package's model that cannot be
    used raises PluginError.
    """

    def __getitem__(self, name: str) -> ModelSpec:
        return BUILT_IN.get(name) or load_plugin(name)

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or (isinstance(name, str) and bool(offered(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*BUILT_IN, *(entry.name for entry in offered())]))

    def __len__(self) -> int:
        return len(list(iter(self)))


MODELS = Models()


def space_for(settings: Settings) -> EmbeddingSpace:
    """The space that `load_embedder` would embed into. Loads and fetches nothing.

    Raises WeightsError if it depends on a checkpoint that is missing or damaged, PluginError.
    """
    return MODELS[settings.model].space(settings)


def weights_path(settings: Settings) -> Path | None:
    """The path of the weights of the settings' model, whether or not they are fetched.

    None for a model without weights. Raises WeightsError if `settings.mert_path` is not the folder
    of a checkpoint.
    """
    weights = MODELS[settings.model].weights
    return weights.path(settings) if weights else None


def is_ready(settings: Settings) -> bool:
    """Return whether the settings' model can be loaded without fetching anything."""
    path = weights_path(settings)
    return path is None or path.is_file()


def fetch_weights(
    settings: Settings, model: str, report: DownloadProgress = report_nothing
) -> Path | None:
    """Return a model's verified weights file, fetched first if necessary; None if it has none.

    `report` gets the bytes received and the bytes in all (0: not known). Raises WeightsError that
    says what to do.
    """
    weights = MODELS[model].weights
    return weights.fetch(settings, report) if weights else None


def load_embedder(settings: Settings) -> Embedder:
    """Load the settings' model onto the settings' device; its weights are fetched if necessary.

    Raises LowMemory, WeightsError, SettingsError, PluginError.
    """
    spec = MODELS[settings.model]
    require_memory(spec.needed_bytes, spec.name, MORE_MEMORY)
    # Must be set before torch is imported. Operations that Apple's GPUs lack then run on the CPU,
    # with a warning from torch.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    return spec.load(settings)
