"""The registry's entry for a model: a frozen record, made in the model's own spec module."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.progress import DownloadProgress
from soundalike.settings import ModelName, Settings


@dataclass(frozen=True)
class ModelSpec:
    """A model that SOUNDALIKE_MODEL may name.

    - `licence`: that of its weights, for users to read before they fetch them.
    - `download_bytes`, `source`: how much fetching them downloads, and from where.
    - `space`: returns the space that `load` embeds into. Loads and fetches nothing. Raises
      WeightsError if it depends on a checkpoint that is missing or damaged.
    - `weights_path`: returns where its weights are, or will be once fetched. Raises WeightsError if
      the settings name a folder that is no checkpoint.
    - `fetch`: returns the verified weights file, fetched if necessary, and reports the download's
      progress. Raises WeightsError that says what to do.
    - `load`: loads the model onto the settings' device; its weights are fetched if necessary.
      Imports torch. Raises WeightsError, SettingsError.
    """

    name: ModelName
    licence: str
    download_bytes: int
    source: str
    space: Callable[[Settings], EmbeddingSpace]
    weights_path: Callable[[Settings], Path]
    fetch: Callable[[Settings, DownloadProgress], Path]
    load: Callable[[Settings], Embedder]
