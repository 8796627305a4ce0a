"""The registry entry of musicnn-msd: space, weights and loading."""

from pathlib import Path

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.model_spec import ModelSpec, Weights
from soundalike.embedders.musicnn.download import FILE, FILE_SHA256, WHEEL_BYTES, fetch_musicnn
from soundalike.embedders.weights_cache import weights_folder
from soundalike.embedders.window_plans import plan_name, plan_parameters, window_plan
from soundalike.progress import DownloadProgress
from soundalike.settings import Settings, Windows

# 187 frames, the length musicnn was trained on: 186 hops of 256 samples and one FFT of 512.
SAMPLE_RATE, WINDOW = 16_000, 186 * 256 + 512
DIMENSION = 512  # maximum and mean over time of the 256 channels that are not dead


def musicnn_windows(windows: Windows) -> WindowPlan:
    """The plan of musicnn's windows, of 3 s each."""
    return window_plan(SAMPLE_RATE, WINDOW, windows)


def musicnn_space(windows: WindowPlan) -> EmbeddingSpace:
    """The space of musicnn-msd's pooled layer; there is only one set of weights."""
    return EmbeddingSpace(
        id=f"musicnn-msd.pooled.{plan_name(windows)}.mean",
        model="musicnn-msd",
        dimension=DIMENSION,
        parameters={
            "layer": "pooled",
            "revision": FILE_SHA256[:16],
            **plan_parameters(windows),
        },
    )


def _space(settings: Settings) -> EmbeddingSpace:
    return musicnn_space(musicnn_windows(settings.windows))


def _weights_path(settings: Settings) -> Path:
    return _folder(settings) / FILE


def _fetch(settings: Settings, report: DownloadProgress) -> Path:
    return fetch_musicnn(_folder(settings), report)


def _load(settings: Settings) -> Embedder:
    from soundalike.embedders.inference.devices import choose_device
    from soundalike.embedders.musicnn.model.embedder import MusicnnEmbedder

    device = choose_device(settings.device)  # a wrong one is reported before anything is fetched
    return MusicnnEmbedder(
        fetch_musicnn(_folder(settings)),
        musicnn_windows(settings.windows),
        device,
        may_fall_back=settings.device == "auto",
    )


def _folder(settings: Settings) -> Path:
    return weights_folder(settings, "musicnn-msd")


MUSICNN_MSD = ModelSpec(
    name="musicnn-msd",
    licence="ISC",
    space=_space,
    load=_load,
    weights=Weights(WHEEL_BYTES, "PyPI", _weights_path, _fetch),
    memory_bytes=300_000_000,
)
