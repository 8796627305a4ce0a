"""MERT's registry entries: space, weights and loading."""

from functools import partial
from pathlib import Path

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.mert.checkpoint import (
    CONVERTED,
    MertCheckpoint,
    open_cached,
    open_checkpoint,
)
from soundalike.embedders.model_spec import ModelSpec, Weights
from soundalike.embedders.weights_cache import weights_folder
from soundalike.embedders.window_plans import plan_name, plan_parameters, window_plan
from soundalike.progress import DownloadProgress, report_nothing
from soundalike.settings import Settings, Windows

SAMPLE_RATE, WINDOW = 24_000, 10 * 24_000
# The exact size of 330M's file is not known to us (published.py).
DOWNLOAD_BYTES: dict[str, int] = {"mert-v1-95m": 377_552_987, "mert-v1-330m": 1_260_000_000}
# 0.75 GB in float32, 0.91 GB while bfloat16 is compared with it (docs/performance.md).
MEMORY_BYTES = {"mert-v1-95m": 1_000_000_000}
LICENCE = "CC-BY-NC-4.0: not for commercial use"


def mert_windows(windows: Windows) -> WindowPlan:
    """The plan of MERT's windows, of 10 s each."""
    return window_plan(SAMPLE_RATE, WINDOW, windows)


def mert_space(checkpoint: MertCheckpoint, windows: WindowPlan) -> EmbeddingSpace:
    """The space of a MERT checkpoint's layer."""
    return EmbeddingSpace(
        id=f"{checkpoint.model}.l{checkpoint.layer}.{plan_name(windows)}.mean",
        model=checkpoint.model,
        dimension=checkpoint.config.hidden_size,
        parameters={
            "layer": checkpoint.layer,
            "normalise": int(checkpoint.normalise),
            "revision": checkpoint.revision,
            "architecture": checkpoint.config.fingerprint,
            **plan_parameters(windows),
        },
    )


def _spec(model: str) -> ModelSpec:
    """Make the spec of a published size."""
    return ModelSpec(
        name=model,
        licence=LICENCE,
        space=partial(_space, model),
        load=partial(_load, model),
        weights=Weights(
            DOWNLOAD_BYTES[model],
            "the Hugging Face hub",
            partial(_weights_path, model),
            partial(_fetch, model),
        ),
        memory_bytes=MEMORY_BYTES.get(model, 0),
    )


def _space(model: str, settings: Settings) -> EmbeddingSpace:
    return mert_space(_checkpoint(model, settings), mert_windows(settings.windows))


def _weights_path(model: str, settings: Settings) -> Path:
    if settings.mert_path is None:
        return weights_folder(settings, model) / CONVERTED
    return _checkpoint(model, settings).weights


def _fetch(model: str, settings: Settings, report: DownloadProgress) -> Path:
    return _fetched(model, settings, report).weights


def _checkpoint(model: str, settings: Settings) -> MertCheckpoint:
    """Open SOUNDALIKE_MERT_PATH's checkpoint as it is, if set; else the one that was fetched."""
    if settings.mert_path is None:
        return open_cached(weights_folder(settings, model), model)
    return open_checkpoint(settings.mert_path, model)


def _fetched(model: str, settings: Settings, report: DownloadProgress) -> MertCheckpoint:
    """Open the checkpoint, fetched if need be."""
    if settings.mert_path is not None:
        return _checkpoint(model, settings)
    from soundalike.embedders.mert.download import fetch_mert  # noqa: PLC0415 - loads an HTTP client

    return fetch_mert(weights_folder(settings, model), model, report)


def _load(model: str, settings: Settings) -> Embedder:
    from soundalike.embedders.inference.devices import choose_device
    from soundalike.embedders.mert.model.embedder import MertEmbedder

    device = choose_device(settings.device)
    return MertEmbedder(
        _fetched(model, settings, report_nothing),
        mert_windows(settings.windows),
        device,
        half=settings.precision == "auto",
        may_fall_back=settings.device == "auto",
        times=weights_folder(settings, model) / "times",
    )


MERT_95M, MERT_330M = _spec("mert-v1-95m"), _spec("mert-v1-330m")
