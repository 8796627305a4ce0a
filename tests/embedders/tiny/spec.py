"""The tiny model as the registry knows it: its space, its weights, how it is loaded."""

from pathlib import Path

from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.embedders.model_spec import ModelSpec, Weights
from soundalike.embedders.weights_cache import weights_folder
from soundalike.progress import DownloadProgress
from soundalike.settings import Settings
from soundalike.storage.atomic import atomic_file

SPACE = EmbeddingSpace("tiny.bands", "tiny", 8, {"version": 1})


def _weights_path(settings: Settings) -> Path:
    return weights_folder(settings, "tiny") / "weights.txt"


def _fetch(settings: Settings, report: DownloadProgress) -> Path:
    """Make the weights, eight ones, where others would download theirs."""
    with atomic_file(_weights_path(settings)) as temporary:
        temporary.write_text("1 1 1 1 1 1 1 1")
    report(15, 15)
    return _weights_path(settings)


def _load(settings: Settings) -> Embedder:
    from soundalike.embedders.tiny.embedder import TinyEmbedder  # noqa: PLC0415 - as models do

    return TinyEmbedder(_weights_path(settings), SPACE)


TINY = ModelSpec(
    name="tiny",
    licence="CC0",
    space=lambda _: SPACE,
    load=_load,
    weights=Weights(8, "nowhere", _weights_path, _fetch),
)
