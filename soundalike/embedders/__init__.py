"""Models that turn a track's windows into a vector. Importing this imports no torch."""

from soundalike.embedders.base import Embedder, Embedding, EmbeddingSpace, PredictedTag, WindowPlan
from soundalike.embedders.registry import (
    LICENCES,
    fetch_weights,
    load_embedder,
    space_for,
    weights_path,
)

__all__ = [
    "LICENCES",
    "Embedder",
    "Embedding",
    "EmbeddingSpace",
    "PredictedTag",
    "WindowPlan",
    "fetch_weights",
    "load_embedder",
    "space_for",
    "weights_path",
]
