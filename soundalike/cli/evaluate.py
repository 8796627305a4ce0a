"""`soundalike evaluate`: measures the quality of the neighbours on labelled music."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.rules import TagRules
from soundalike.cli.weights import fetch_missing
from soundalike.embedders import load_embedder
from soundalike.embedders.base import Embedder
from soundalike.embedders.musicnn.spec import musicnn_windows
from soundalike.errors import SettingsError
from soundalike.evaluation import plots
from soundalike.evaluation.labels import label_files
from soundalike.evaluation.measures import as_csv, as_json
from soundalike.evaluation.recordings import decoded
from soundalike.evaluation.run import MFCC, embed_recordings
from soundalike.evaluation.run import evaluate as run
from soundalike.ingest.own_folders import EVALUATION
from soundalike.sampling import evenly
from soundalike.settings import Settings, load_settings
from soundalike.sources.entry import EntryKind
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore

MAX_TRACKS = 5000  # all pairs are compared, several times over


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A folder of labelled music.")],
    labels: Annotated[
        str, typer.Option(help="`folder`, `tag:genre` (artist, album, year), or a CSV's path.")
    ] = "folder",
    out: Annotated[Path, typer.Option(help="Folder to write the report into.")] = Path("quality"),
    copies: Annotated[
        int, typer.Option(min=0, help="Number of tracks to make altered copies of.")
    ] = 50,
    against: Annotated[
        str | None, typer.Option(help="Another model, to compare with on the same tracks.")
    ] = None,
) -> None:
    """Measure the model on labelled music, beside MFCCs and chance, and write a report.

    The model is the one that SOUNDALIKE_MODEL names, whatever the library has: this is how to
    choose one. Report, table and JSON are report.md, report.csv and report.json.
    """
    settings, root = load_settings(), folder.expanduser().absolute()
    MusicRoot.named(str(root)).require()
    pair = (settings.model, against) if against else None
    models = {name: _loaded(settings, name) for name in _names(settings.model, against)}
    models[MFCC] = _mfcc(settings)
    store = ArtifactStore(settings.data / EVALUATION)
    with Decoders(tag_rules=TagRules.of(settings)) as decoders:
        recordings = decoded(_files(root, settings), store, decoders)
    facts = label_files(labels, root, {each.path: each.tags for each in recordings})
    collection = embed_recordings(
        recordings, [facts[each.path] for each in recordings], models, store, pair
    )
    report = run(collection, models, copies, pair)
    out.mkdir(parents=True, exist_ok=True)
    if plots.can_plot():
        report = replace(report, plots=plots.plot(out, report.every, report.spaces))
    written = {"md": report.markdown(), "csv": as_csv(report), "json": as_json(report)}
    for ending, text in written.items():
        with atomic_file(out / f"report.{ending}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    typer.echo(report.markdown())
    console = Console(stderr=True)
    console.print(f"[dim]written to {out / 'report.md'}, .csv and .json[/dim]")
    if not report.plots:
        console.print("[dim]no plots: pip install 'soundalike\\[evaluate]'[/dim]")


def _names(model: str, against: str | None) -> list[str]:
    if model == against:
        raise SettingsError(
            f"--against {against}: this is the model itself; name another one, or set "
            "SOUNDALIKE_MODEL (soundalike models list)"
        )
    return [model, against] if against else [model]


def _loaded(settings: Settings, model: str) -> Embedder:
    """Load a model before anything is decoded, so that missing weights are said first."""
    chosen = settings.following({"model": model})
    fetch_missing(chosen, Console(stderr=True))
    return load_embedder(chosen)


def _files(root: Path, settings: Settings) -> list[Path]:
    """The files below a folder that an ingest would take, or MAX_TRACKS of them, evenly chosen."""
    entries = MusicRoot.named(str(root)).entries(IgnoreRules(settings.extensions), settle_seconds=0)
    files = [os.fsdecode(entry.path) for entry in entries if entry.kind is EntryKind.MUSIC]
    return evenly([root / file for file in sorted(files)], MAX_TRACKS)


def _mfcc(settings: Settings) -> Embedder:
    from soundalike.evaluation.baselines.mfcc import MfccEmbedder

    return MfccEmbedder(musicnn_windows(settings.windows))
