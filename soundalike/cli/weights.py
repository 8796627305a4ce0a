"""Download of a model's weights with a progress bar, before anything needs them."""

from pathlib import Path

from rich.console import Console

from soundalike.embedders import MODELS, fetch_weights, is_ready
from soundalike.embedders.model_spec import ModelSpec
from soundalike.settings import Settings
from soundalike.terminal import downloading


def download_note(spec: ModelSpec) -> str:
    """Return a sentence on what fetching the model's weights downloads, and from where."""
    if spec.weights is None:
        return f"{spec.name}: it has no weights to fetch"
    megabytes = spec.weights.download_bytes / 1e6
    return f"{spec.name}: {megabytes:.0f} MB are fetched from {spec.weights.source}, once"


def fetch_shown(settings: Settings, model: str, console: Console) -> Path | None:
    """Fetch a model's weights if missing, with a bar; print the licence. Raises WeightsError.

    None for a model without weights.
    """
    spec = MODELS[model]
    console.print(f"{model}: licence {spec.licence}", markup=False)
    if not is_ready(settings.following({"model": model})):
        console.print(download_note(spec))
    with downloading(console, f"fetching {model}") as report:
        return fetch_weights(settings, model, report)


def fetch_missing(settings: Settings, console: Console) -> None:
    """Fetch the configured model's weights if they are missing. Raises WeightsError."""
    if not is_ready(settings):
        fetch_shown(settings, settings.model, console)
