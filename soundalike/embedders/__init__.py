"""Models that turn a track's windows into a vector. Importing this imports no torch."""

from soundalike.embedders.base import Embedder, Embedding, EmbeddingSpace, PredictedTag
from soundalike.embedders.registry import (
    MODELS,
    fetch_weights,
    load_embedder,
    space_for,
    weights_path,
)

__all__ = [
    "MODELS",
    "Embedder",
    "Embedding",
    "EmbeddingSpace",
    "PredictedTag",
    "fetch_weights",
    "load_embedder",
    "space_for",
    "weights_path",
]
