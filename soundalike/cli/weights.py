"""Download of a model's weights with a progress bar, before anything needs them."""

from pathlib import Path

from rich.console import Console

from soundalike.embedders import MODELS, fetch_weights, weights_path
from soundalike.settings import ModelName, Settings
from soundalike.terminal import downloading


def download_note(model: ModelName) -> str:
    """Return a sentence on what fetching the model's weights downloads, and from where."""
    spec = MODELS[model]
    return f"{model}: {spec.download_bytes / 1e6:.0f} MB are fetched from {spec.source}, once"


def fetch_shown(settings: Settings, model: ModelName, console: Console) -> Path:
    """Fetch a model's weights if missing, with a bar; print the licence. Raises WeightsError."""
    console.print(f"{model}: licence {MODELS[model].licence}")
    if not weights_path(settings.following({"model": model})).is_file():
        console.print(download_note(model))
    with downloading(console, f"fetching {model}") as report:
        return fetch_weights(settings, model, report)


def fetch_missing(settings: Settings, console: Console) -> None:
    """Fetch the configured model's weights if they are missing. Raises WeightsError."""
    if not weights_path(settings).is_file():
        fetch_shown(settings, settings.model, console)
