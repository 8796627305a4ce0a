"""A trial of a loaded model on windows of noise: whether it keeps what docs/models.md asks."""

import numpy as np

from soundalike.embedders.base import Embedder

WINDOWS = 3
TOLERANCE = 1e-3  # of features and of a vector's length; batches may round otherwise


def broken_promise(embedder: Embedder) -> str:
    """Return what a model does otherwise than asked, as a predicate; "" if nothing is found."""
    noise = np.random.default_rng(0).standard_normal((WINDOWS, embedder.windows.samples))
    windows = (0.1 * noise).astype(np.float32)
    features = embedder.extract(windows)
    if features.dtype != np.float32 or features.ndim != 2 or len(features) != WINDOWS:  # noqa: PLR2004
        return (
            f"extracts {features.dtype} {list(features.shape)} from {WINDOWS} windows, and not "
            f"float32 [{WINDOWS}, features]"
        )
    largest = float(np.abs(features).max())
    if not np.allclose(embedder.extract(windows), features, TOLERANCE, TOLERANCE * largest):
        return "extracts other features each time"
    if not np.allclose(embedder.extract(windows[:1]), features[:1], TOLERANCE, TOLERANCE * largest):
        return "extracts features that depend on the other windows of the call"
    vector, dimension = embedder.pool(features).vector, embedder.space.dimension
    if vector.dtype != np.float32 or vector.shape != (dimension,):
        return f"pools to {vector.dtype} {list(vector.shape)}, and not to float32 [{dimension}]"
    length = float(np.linalg.norm(vector))
    if not abs(length - 1) < TOLERANCE:
        return f"pools to a vector of length {length:.3f}, and not 1"
    return ""
