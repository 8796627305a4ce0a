"""The embedding spaces there are: what each model hears, and what enters its identity. No torch."""

from soundalike.embedders.base import EmbeddingSpace, WindowPlan
from soundalike.embedders.mert_checkpoint import MertCheckpoint
from soundalike.embedders.musicnn_weights import FILE_SHA256

MERT_WINDOWS = WindowPlan(sample_rate=24_000, samples=10 * 24_000, most=12)

# 187 frames, the length musicnn was trained on: 186 hops of 256 samples and one FFT of 512.
MUSICNN_WINDOWS = WindowPlan(sample_rate=16_000, samples=186 * 256 + 512, most=60)

# Raised when the code that turns audio into vectors changes what comes out.
PREPROCESSING = 1


def mert_space(checkpoint: MertCheckpoint) -> EmbeddingSpace:
    """The space of one MERT checkpoint, read at its layer."""
    parameters = {
        "layer": checkpoint.layer,
        "normalise": int(checkpoint.normalise),
        "revision": checkpoint.revision,
        **_parameters(MERT_WINDOWS),
    }
    seconds = MERT_WINDOWS.samples // MERT_WINDOWS.sample_rate
    return EmbeddingSpace(
        id=f"{checkpoint.model}.l{checkpoint.layer}.w{seconds}s.mean",
        model=checkpoint.model,
        dimension=checkpoint.config.hidden_size,
        parameters=parameters,
    )


def musicnn_space() -> EmbeddingSpace:
    """The space of musicnn-msd's penultimate layer; there is only one set of weights."""
    return EmbeddingSpace(
        id="musicnn-msd.penultimate.w3s.mean",
        model="musicnn-msd",
        dimension=200,
        parameters={
            "layer": "penultimate",
            "revision": FILE_SHA256[:16],
            **_parameters(MUSICNN_WINDOWS),
        },
    )


def _parameters(windows: WindowPlan) -> dict[str, str | int | float]:
    return {
        "sample_rate": windows.sample_rate,
        "window_seconds": windows.samples / windows.sample_rate,
        "most_windows": windows.most,
        "pooling": "mean",
        "preprocessing": PREPROCESSING,
    }
