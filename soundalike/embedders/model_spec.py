"""What the registry holds of a model: one frozen record, made in the model's own spec module."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.hub import DownloadProgress
from soundalike.settings import ModelName, Settings


@dataclass(frozen=True)
class ModelSpec:
    """A model that SOUNDALIKE_MODEL may name.

    - `licence` of its weights, as people should read it before they fetch them.
    - `space` that `load` embeds into. Loads and fetches nothing. Raises WeightsError if it depends
      on a checkpoint that is not there or is damaged.
    - `weights_path` where its weights are, or will be once fetched. Raises WeightsError if the
      settings name a checkpoint that is none.
    - `fetch` returns the verified weights file, fetched if need be, and reports the download's
      progress. Raises WeightsError that says what to do.
    - `load` the model onto the settings' device; its weights are fetched if need be. Imports torch.
      Raises WeightsError, SettingsError.
    """

    name: ModelName
    licence: str
    space: Callable[[Settings], EmbeddingSpace]
    weights_path: Callable[[Settings], Path]
    fetch: Callable[[Settings, DownloadProgress], Path]
    load: Callable[[Settings], Embedder]
