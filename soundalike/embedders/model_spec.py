"""The registry's entry for a model: a frozen record, made in the model's own spec module."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.progress import DownloadProgress
from soundalike.settings import Settings


@dataclass(frozen=True)
class Weights:
    """The file of numbers that a model was trained to, and where it comes from.

    - `download_bytes`, `source`: how much fetching it downloads, and from where.
    - `path`: returns where it is, or will be once fetched. Raises WeightsError if the settings name
      a folder that is no checkpoint.
    - `fetch`: returns the verified file, fetched if necessary, and reports the download's progress.
      Raises WeightsError that says what to do.
    """

    download_bytes: int
    source: str
    path: Callable[[Settings], Path]
    fetch: Callable[[Settings, DownloadProgress], Path]


@dataclass(frozen=True)
class ModelSpec:
    """A model that SOUNDALIKE_MODEL may name.

    - `licence`: that of its weights, for users to read before they fetch them.
    - `space`: returns the space that `load` embeds into. Loads and fetches nothing. Raises
      WeightsError if it depends on a checkpoint that is missing or damaged.
    - `load`: loads the model onto the settings' device; its weights are fetched if necessary. Only
      here a model may import torch. Raises WeightsError, SettingsError.
    - `weights`: None for a model that has none to fetch.
    - `memory_bytes`: what a process takes to embed with it, measured; 0 if nobody measured it.
    """

    name: str
    licence: str
    space: Callable[[Settings], EmbeddingSpace]
    load: Callable[[Settings], Embedder]
    weights: Weights | None = None
    memory_bytes: int = 0

    @property
    def needed_bytes(self) -> int:
        """The memory that it needs at least: as measured, or what its weights take alone."""
        return self.memory_bytes or (self.weights.download_bytes if self.weights else 0)
