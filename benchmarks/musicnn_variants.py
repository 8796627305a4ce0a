"""What to compare of musicnn, and whether to transform it: the experiments behind docs/quality.md.

    python benchmarks/game_music.py && python benchmarks/musicnn_variants.py

Labels: which game's soundtrack a track is from; and its style, where only tracks of other games may
answer. Differences are paired, their intervals over soundtracks. Transforms are fitted on half of
the soundtracks and tested on the other half, among themselves, for several random halves. With the
argument `second`, on the second set of games, which has no styles.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from game_music import MUSIC
from musicnn_features import Features, features, split

from soundalike.audio.sandbox import Decoders
from soundalike.embedders import fetch_weights
from soundalike.evaluation.hearing import Recording, decoded
from soundalike.evaluation.hubness import hubness, nearest_by
from soundalike.evaluation.labels import collected, label_files
from soundalike.evaluation.ranking import Interval, Labels, bootstrap
from soundalike.evaluation.report import table
from soundalike.evaluation.study import random_vectors, retrieval
from soundalike.evaluation.transforms import (
    Matrix,
    centring,
    local_scaling,
    mutual_proximity,
    standardising,
    unit,
    whitening,
)
from soundalike.settings import Settings, Windows
from soundalike.storage.layout import ArtifactStore

CACHE = Path(__file__).parents[1] / ".cache"
SPLITS = 10
METRICS = ("precision@5", "r_precision", "average_precision")

Values = Mapping[str, np.ndarray]  # a column of the tables -> a value a track
Make = Callable[[Matrix, Matrix], Matrix]  # (reference, tracks) -> similarity of the tracks


def joined(*parts: Matrix) -> Matrix:
    """Each part scaled to length 1, side by side: the mean of their cosines."""
    return unit(np.concatenate([unit(part) for part in parts], axis=1))


def variants(found: Features) -> dict[str, Matrix]:
    """Candidates for the vector, by name; the first is today's."""
    last, mid = found["penultimate"], found["mid mean"]
    return {
        "penultimate (today)": unit(last),
        "penultimate, mean and deviation": joined(last, found["penultimate deviation"]),
        "50 tags": unit(found["tags"]),
        "mid mean": unit(mid),
        "mid mean and deviation": joined(mid, found["mid mean deviation"]),
        "mid max and mean": unit(found["pooled"]),
        "penultimate + mid mean": joined(last, mid),
        "penultimate + mid max and mean": joined(last, found["pooled"]),
        "random": random_vectors(len(last), last.shape[1]),
    }


def measured(similarity: Matrix, soundtracks: Labels, styles: Labels) -> Values:
    """Every query's value of each column."""
    own = retrieval(similarity, soundtracks, filtered=False).values
    other = retrieval(similarity, styles, filtered=True).values
    return {
        **{f"soundtrack {name}": own[name] for name in METRICS},
        "style precision@5": other["precision@5"],
        "style average_precision": other["average_precision"],
    }


def crossed(vectors: Matrix, make: Make, soundtracks: Labels, styles: Labels) -> Values:
    """Mean over random halves: each track among its half, the other half being the reference."""
    total: dict[str, np.ndarray] = {}
    names = np.unique(soundtracks.album)
    for seed in range(SPLITS):
        half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
        first = np.isin(soundtracks.album, half)
        for test in (first, ~first):
            similarity = make(vectors[~test], vectors[test])
            found = measured(similarity, soundtracks.take(test), styles.take(test))
            skew = hubness(nearest_by(similarity, 10)).skewness
            for name, values in {**found, "skewness": np.full(test.sum(), skew)}.items():
                total.setdefault(name, np.full((SPLITS, len(vectors)), np.nan))[seed, test] = values
    with np.errstate(invalid="ignore"):
        counts = {name: np.isfinite(values).sum(axis=0) for name, values in total.items()}
        return {
            name: np.nansum(values, axis=0) / np.where(counts[name] > 0, counts[name], np.nan)
            for name, values in total.items()
        }


def transforms() -> dict[str, Make]:
    """What may be done after the model, by name; the first does nothing."""

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


def shown(results: Mapping[str, Values], drawn: np.ndarray) -> str:
    """Means, and below each the paired difference to the first row's, with its interval."""
    first = next(iter(results.values()))
    rows = []
    for name, values in results.items():
        cells = []
        for column, value in values.items():
            mean = float(np.nanmean(value))
            change = bootstrap(value - first[column], drawn)
            cells.append(f"{mean:.3f}" + ("" if values is first else f" {_signed(change)}"))
        rows.append([name, *cells])
    return table(["", *first], rows)


def _signed(change: Interval) -> str:
    clear = "**" if change.low > 0 or change.high < 0 else ""
    return f"{clear}{change.mean:+.3f}{clear} ({change.low:+.3f} to {change.high:+.3f})"


def load(name: str) -> tuple[list[Recording], Labels, Labels]:
    """A set of game music, its soundtracks and its styles."""
    root = MUSIC / name
    store = ArtifactStore(CACHE / "evaluate" / "evaluation")
    with Decoders() as decoders:
        made = decoded(sorted(filter(Path.is_file, root.rglob("*"))), store, decoders)
    tags = {each.path: each.tags for each in made}
    known = [
        label_files(str(MUSIC / table), root, tags)
        for table in (f"{name}.csv", f"{name}-styles.csv")
    ]
    soundtracks, styles = (collected(facts[each.path] for each in made) for facts in known)
    return made, soundtracks, styles


def main(name: str = "first") -> None:
    made, soundtracks, styles = load(name)
    flacs = {recording.track_id: recording.flac for recording in made}
    weights = fetch_weights(Settings(models=CACHE / "models"), "musicnn-msd")
    drawn = soundtracks.album
    print(f"{len(made)} tracks of {len(set(drawn))} soundtracks\n")

    def heard(windows: Windows) -> Features:
        found = features(weights, flacs, windows, CACHE / "evaluate")
        return split(np.stack([found[track] for track in flacs]).astype(np.float64))

    balanced = variants(heard("balanced"))

    def whole(vectors: Matrix) -> Values:
        skew = hubness(nearest_by(vectors @ vectors.T, 10)).skewness
        found = measured(vectors @ vectors.T, soundtracks, styles)
        return {**found, "skewness": np.full(len(vectors), skew)}

    print("### Which layer\n")
    print(shown({name: whole(vectors) for name, vectors in balanced.items()}, drawn))
    for vector in ("penultimate (today)", "mid max and mean", "penultimate + mid mean"):
        print(f"\n### Transforms of: {vector}\n")
        results = {
            how: crossed(balanced[vector], make, soundtracks, styles)
            for how, make in transforms().items()
        }
        print(shown(results, drawn))
    print("\n### How many windows\n")
    plans: tuple[Windows, ...] = ("balanced", "all", 12, 5)
    vectors = {f"{plan}": unit(heard(plan)["penultimate"]) for plan in plans}
    print(shown({name: whole(matrix) for name, matrix in vectors.items()}, drawn))


if __name__ == "__main__":
    main(*sys.argv[1:])
