"""Models that turn a track's windows into a vector. Importing this package imports no torch."""

from soundalike.embedders.registry import (
    MODELS,
    fetch_weights,
    is_ready,
    load_embedder,
    space_for,
    weights_path,
)

__all__ = [
    "MODELS",
    "fetch_weights",
    "is_ready",
    "load_embedder",
    "space_for",
    "weights_path",
]
