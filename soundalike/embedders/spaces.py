"""The embedding spaces there are: what each model hears, and what enters its identity. No torch."""

from soundalike.embedders.base import EmbeddingSpace, WindowPlan
from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.musicnn.download import FILE_SHA256
from soundalike.settings import Windows

MERT_RATE, MERT_WINDOW = 24_000, 10 * 24_000
# 187 frames, the length musicnn was trained on: 186 hops of 256 samples and one FFT of 512.
MUSICNN_RATE, MUSICNN_WINDOW = 16_000, 186 * 256 + 512
MUSICNN_DIMENSION = 512  # maximum and mean over time of the 256 channels that are alive

# `balanced`: a minute of each track, in excerpts from all over it.
BALANCED_SECONDS = 60

# Raised when the code that turns audio into vectors changes what comes out.
PREPROCESSING = 1


def mert_windows(wanted: Windows) -> WindowPlan:
    """Windows of 10 s."""
    return WindowPlan(MERT_RATE, MERT_WINDOW, _most(wanted, 10))


def musicnn_windows(wanted: Windows) -> WindowPlan:
    """Windows of 3 s."""
    return WindowPlan(MUSICNN_RATE, MUSICNN_WINDOW, _most(wanted, 3))


def _most(wanted: Windows, seconds: int) -> int | None:
    if wanted == "all":
        return None
    return BALANCED_SECONDS // seconds if wanted == "balanced" else wanted


def mert_space(checkpoint: MertCheckpoint, windows: WindowPlan) -> EmbeddingSpace:
    """The space of one MERT checkpoint, read at its layer."""
    return EmbeddingSpace(
        id=f"{checkpoint.model}.l{checkpoint.layer}.{_named(windows)}.mean",
        model=checkpoint.model,
        dimension=checkpoint.config.hidden_size,
        parameters={
            "layer": checkpoint.layer,
            "normalise": int(checkpoint.normalise),
            "revision": checkpoint.revision,
            "architecture": checkpoint.config.fingerprint,
            **_parameters(windows),
        },
    )


def musicnn_space(windows: WindowPlan) -> EmbeddingSpace:
    """The space of musicnn-msd's pooled layer; there is only one set of weights."""
    return EmbeddingSpace(
        id=f"musicnn-msd.pooled.{_named(windows)}.mean",
        model="musicnn-msd",
        dimension=MUSICNN_DIMENSION,
        parameters={
            "layer": "pooled",
            "revision": FILE_SHA256[:16],
            **_parameters(windows),
        },
    )


def _named(windows: WindowPlan) -> str:
    """`6x10s`, `allx10s`."""
    return f"{windows.max_windows or 'all'}x{windows.samples // windows.sample_rate}s"


def _parameters(windows: WindowPlan) -> dict[str, str | int | float]:
    return {
        "sample_rate": windows.sample_rate,
        "window_seconds": windows.samples / windows.sample_rate,
        "most_windows": windows.max_windows or "all",
        "pooling": "mean",
        "preprocessing": PREPROCESSING,
    }
