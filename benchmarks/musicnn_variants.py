"""Experiments for docs/quality.md: which layer of musicnn to compare, whether to transform it.

    python benchmarks/game_music.py && python benchmarks/musicnn_variants.py first

Labels: which game's soundtrack a track is from; and its style, where only tracks of other games
are candidates. Differences are paired, their intervals over soundtracks. Transforms are fitted on
half of the soundtracks and tested on the other half, among themselves, for several random halves.
`second` is another set of games, without styles, to confirm what was chosen on the first.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from game_music import MUSIC
from immich_memories_music import tracks_dir
from musicnn_features import Features, features, split
from safetensors.torch import load_file
from transforms import (
    Matrix,
    centring,
    local_scaling,
    mutual_proximity,
    standardising,
    whitening,
)
from variant_scores import Make, crossed, shown, whole

from soundalike.audio.sandbox import Decoders
from soundalike.embedders import fetch_weights
from soundalike.embedders.musicnn.model.network import Musicnn
from soundalike.evaluation.labels import LabelFacts, collected, label_files
from soundalike.evaluation.recordings import Recording, decoded
from soundalike.evaluation.retrieval import Labels
from soundalike.evaluation.study import random_vectors, retrieval, unit_rows
from soundalike.settings import Settings, Windows
from soundalike.storage.layout import ArtifactStore

CACHE = Path(__file__).parents[1] / ".cache"


def joined(*parts: Matrix) -> Matrix:
    """Each part scaled to length 1, side by side: the mean of their cosines."""
    return unit_rows(np.concatenate([unit_rows(part) for part in parts], axis=1))


def variants(depths: Features) -> dict[str, Matrix]:
    """Candidates for the vector, by name; all others are compared with the first."""
    last, mid = depths["penultimate"], depths["mid mean"]
    return {
        "penultimate": unit_rows(last),
        "penultimate, mean and deviation": joined(last, depths["penultimate deviation"]),
        "50 tags": unit_rows(depths["tags"]),
        "mid mean": unit_rows(mid),
        "mid mean and deviation": joined(mid, depths["mid mean deviation"]),
        "mid max and mean": unit_rows(depths["pooled"]),
        "penultimate + mid mean": joined(last, mid),
        "penultimate + mid max and mean": joined(last, depths["pooled"]),
        "normalised max and mean (now)": unit_rows(depths["normalised"]),
        "penultimate + normalised max and mean": joined(last, depths["normalised"]),
        "random": random_vectors(len(last), last.shape[1]),
    }


def transforms() -> dict[str, Make]:
    """Transforms that may follow the model, by name; the first does nothing."""

    def by_vectors(fit: Callable[[Matrix], Callable[[Matrix], Matrix]]) -> Make:
        def make(reference: Matrix, tracks: Matrix) -> Matrix:
            moved = fit(reference)(tracks)
            return moved @ moved.T

        return make

    def by_similarity(correct: Callable[[Matrix, Matrix], Matrix], *, own: bool) -> Make:
        def make(reference: Matrix, tracks: Matrix) -> Matrix:
            return correct(tracks @ tracks.T, tracks @ (tracks if own else reference).T)

        return make

    return {
        "nothing": lambda _, tracks: tracks @ tracks.T,
        "centring": by_vectors(centring),
        "standardising": by_vectors(standardising),
        **{
            f"PCA to {size}": by_vectors(partial(whitening, dimensions=size, power=0))
            for size in (32, 64)
        },
        **{
            f"whitening to {size}, power {power}": by_vectors(
                partial(whitening, dimensions=size, power=power)
            )
            for size in (32, 64, 128)
            for power in (0.5, 1)
        },
        "mutual proximity": by_similarity(mutual_proximity, own=False),
        "local scaling": by_similarity(local_scaling, own=False),
        "mutual proximity, to itself": by_similarity(mutual_proximity, own=True),
        "local scaling, to itself": by_similarity(local_scaling, own=True),
    }


def canonical(root: Path) -> list[Recording]:
    """All music below a folder."""
    store = ArtifactStore(CACHE / "evaluate" / "evaluation")
    files = sorted(path for path in root.rglob("*") if path.suffix in {".ogg", ".opus", ".mp3"})
    with Decoders() as decoders:
        return decoded(files, store, decoders)


def load_demo() -> list[Recording]:
    return canonical(Path(tracks_dir()))


def load(name: str) -> tuple[list[Recording], Labels, Labels]:
    """A set of game music, its soundtracks and its styles."""
    root = MUSIC / name
    recordings = canonical(root)
    tags = {each.path: each.tags for each in recordings}
    known = [
        label_files(str(MUSIC / table), root, tags)
        for table in (f"{name}.csv", f"{name}-styles.csv")
    ]
    soundtracks, styles = (collected(facts[each.path] for each in recordings) for facts in known)
    return recordings, soundtracks, styles


def demo_labels(recordings: Sequence[Recording]) -> dict[str, Labels]:
    """Mood and instrumentation by the demo's file names, calm_acoustic_1."""
    parts = [recording.path.stem.split("_") for recording in recordings]
    return {
        what: collected(LabelFacts(part[position]) for part in parts)
        for position, what in enumerate(("mood", "instrumentation"))
    }


class FeatureExtractor:
    """Computes musicnn's features of collections; they are cached."""

    def __init__(self) -> None:
        self.weights = fetch_weights(Settings(models=CACHE / "models"), "musicnn-msd")
        self.network = Musicnn(load_file(self.weights))

    def __call__(self, recordings: Sequence[Recording], windows: Windows) -> Features:
        """Features of each, in order."""
        flacs = {recording.track_id: recording.flac for recording in recordings}
        by_track = features(self.weights, flacs, windows, CACHE / "evaluate")
        stacked = np.stack([by_track[track] for track in flacs]).astype(np.float64)
        return split(stacked, self.network)


def on_games(name: str, extract: FeatureExtractor) -> None:
    """Layers, transforms and windows on a set of games."""
    recordings, soundtracks, styles = load(name)
    drawn = soundtracks.album
    count = len(recordings)
    print(f"## {name}: {count} tracks of {len(set(drawn))} soundtracks\n\n### Which layer\n")
    candidates = variants(extract(recordings, "balanced"))
    print(shown({n: whole(v, soundtracks, styles) for n, v in candidates.items()}, drawn))
    if name != "first":
        return
    for vector in ("penultimate", "normalised max and mean (now)"):
        results = {
            how: crossed(candidates[vector], make, soundtracks, styles)
            for how, make in transforms().items()
        }
        print(f"\n### Transforms of: {vector}\n\n{shown(results, drawn)}")
    plans: tuple[Windows, ...] = ("balanced", "all", 12, 5)
    by_plan = {str(plan): unit_rows(extract(recordings, plan)["normalised"]) for plan in plans}
    print("\n### How many windows\n")
    print(shown({n: whole(v, soundtracks, styles) for n, v in by_plan.items()}, drawn))


def on_demo(extract: FeatureExtractor) -> None:
    """Layers on the 28 demo tracks; intervals over tracks."""
    recordings = load_demo()
    labels = demo_labels(recordings)
    alone = np.array([recording.track_id for recording in recordings])
    results = {
        name: {
            f"{what} {metric}": retrieval(vectors @ vectors.T, known, filtered=False).values[metric]
            for what, known in labels.items()
            for metric in ("r_precision", "average_precision")
        }
        for name, vectors in variants(extract(recordings, "balanced")).items()
    }
    print(f"\n## The demo's {len(recordings)} tracks\n\n{shown(results, alone)}")


if __name__ == "__main__":
    extractor = FeatureExtractor()
    for chosen in sys.argv[1:] or ["first"]:
        on_games(chosen, extractor)
    on_demo(extractor)
