"""Scores of a vector or transform on labelled game music, and tables of them with differences."""

from collections.abc import Callable, Mapping

import numpy as np
from transforms import Matrix

from soundalike.evaluation.hubness import hubness, nearest_by
from soundalike.evaluation.report import table
from soundalike.evaluation.retrieval import Interval, Labels, bootstrap
from soundalike.evaluation.study import retrieval

SPLITS = 10
METRICS = ("precision@5", "r_precision", "average_precision")

Values = Mapping[str, np.ndarray]  # a column of the tables -> a value a track
Make = Callable[[Matrix, Matrix], Matrix]  # (reference, tracks) -> similarity of the tracks


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
            scores = measured(similarity, soundtracks.take(test), styles.take(test))
            skew = hubness(nearest_by(similarity, 10)).skewness
            for name, values in {**scores, "skewness": np.full(test.sum(), skew)}.items():
                total.setdefault(name, np.full((SPLITS, len(vectors)), np.nan))[seed, test] = values
    with np.errstate(invalid="ignore"):
        counts = {name: np.isfinite(values).sum(axis=0) for name, values in total.items()}
        return {
            name: np.nansum(values, axis=0) / np.where(counts[name] > 0, counts[name], np.nan)
            for name, values in total.items()
        }


def whole(vectors: Matrix, soundtracks: Labels, styles: Labels) -> Values:
    """Everything measured on the whole collection."""
    similarity = vectors @ vectors.T
    skew = hubness(nearest_by(similarity, 10)).skewness
    scores = measured(similarity, soundtracks, styles)
    return {**scores, "skewness": np.full(len(vectors), skew)}


def shown(results: Mapping[str, Values], drawn: np.ndarray) -> str:
    """Means, and below each the paired difference to the first row's, with its interval."""
    first = next(iter(results.values()))
    columns = [column for column, value in first.items() if np.isfinite(value).any()]
    rows = []
    for name, values in results.items():
        cells = []
        for column in columns:
            value = values[column]
            mean = float(np.nanmean(value))
            compared = values is not first and column != "skewness"  # which is not of one track
            change = _signed(bootstrap(value - first[column], drawn)) if compared else ""
            cells.append(f"{mean:.3f} {change}".rstrip())
        rows.append([name, *cells])
    return table(["", *columns], rows)


def _signed(change: Interval) -> str:
    clear = "**" if change.low > 0 or change.high < 0 else ""
    return f"{clear}{change.mean:+.3f}{clear} ({change.low:+.3f} to {change.high:+.3f})"
