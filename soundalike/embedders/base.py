"""The embedder's protocol: a named space, the windows it takes, and a vector for a track."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.window_plan import WindowPlan

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class PredictedTag:
    """A tag that the model predicts for the music, and its weight (0..1)."""

    word: str
    weight: float


@dataclass(frozen=True)
class EmbeddingSpace:
    """Everything that changes a vector. Vectors of two spaces are never compared.

    `id` is for users (`mert-v1-95m.l6.6x10s.mean`), `fingerprint` covers every parameter,
    including the checkpoint's revision.
    """

    id: str
    model: str
    dimension: int
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash id, model, dimension and parameters to 16 hex digits."""
        named = [self.id, self.model, self.dimension, dict(self.parameters)]
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def key(self) -> str:
        """The space's name in paths and in the catalog: id and the start of the fingerprint."""
        return f"{self.id}-{self.fingerprint[:8]}"


@dataclass(frozen=True)
class Embedding:
    """A track's vector, float32 [dimension], L2-normalised, and the tags the model predicts.

    `tags` is empty for models that predict none.
    """

    vector: FloatArray
    tags: tuple[PredictedTag, ...] = ()


class Embedder(Protocol):
    """A loaded model: windows in, their features out, and a track's embedding from those.

    Not thread-safe; one per process. `soundalike.embedders.scheduler` drives it.
    """

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        ...

    @property
    def windows(self) -> WindowPlan:
        """The window plan that tracks are to be cut by."""
        ...

    @property
    def device(self) -> str:
        """The device and precision it runs in: `cpu float32`, `cuda bfloat16`."""
        ...

    @property
    def batch(self) -> int:
        """The number of windows to pass to `extract` at once; it may change between calls."""
        ...

    def extract(self, windows: FloatArray) -> FloatArray:
        """Extract each window's features: float32 [n, samples] -> float32 [n, features].

        Mono, at `self.windows.sample_rate`; a short track's one window has fewer samples. A
        window's features do not depend on the other windows.
        """
        ...

    def pool(self, features: FloatArray) -> Embedding:
        """Pool the features of a track's windows, float32 [n, features], n >= 1, to its embedding.

        Raises AudioError("not_finite") if the result has no direction: NaN, infinity or zero.
        """
        ...
