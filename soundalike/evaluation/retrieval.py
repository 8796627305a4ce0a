"""Labelled retrieval: how many of a track's neighbours have its label, per query and metric.

Everything is exact over a similarity matrix [n, n]: for collections of up to some 10 000 tracks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]

SEVERAL = ";"  # between the labels, or artists, of one track
METRICS = ("precision@5", "precision@10", "r_precision", "average_precision")


@dataclass(frozen=True)
class Labels:
    """The labels, artists and albums of n tracks: text arrays [n], "" where unknown.

    Several of a track are joined by SEVERAL. A track is relevant to another if they share a label.
    """

    label: Texts
    artist: Texts
    album: Texts

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: NDArray[Any]) -> "Labels":
        """Select tracks by index [m] or mask [n]."""
        return Labels(self.label[rows], self.artist[rows], self.album[rows])

    def relevant(self) -> Bools:
        """Compare labels: bool [n, n], true where row and column share a known one.

        A track is not relevant to itself.
        """
        agree = _agree(self.label)
        np.fill_diagonal(agree, False)
        return agree

    def candidates(self, *, other_artist: bool, other_album: bool) -> Bools:
        """The candidates of each row: bool [n, n].

        A track is not its own candidate; with the filters, neither is any of its artist or album:
        otherwise a model that recognises the voice, or the mastering, would seem to recognise the
        genre (Flexer, 2007).
        """
        allowed = ~np.eye(len(self), dtype=np.bool_)
        if other_artist:
            allowed &= ~_agree(self.artist)
        if other_album:
            allowed &= ~_agree(self.album)
        return allowed


def _agree(names: Texts) -> Bools:
    """Compare names: bool [n, n], true where row and column share one."""
    distinct, codes = np.unique(names, return_inverse=True)  # integers compare far faster
    agree: Bools = (codes[:, None] == codes[None, :]) & (names != "")[:, None]
    parts = [set(name.split(SEVERAL)) - {""} for name in distinct.tolist()]
    if all(len(part) <= 1 for part in parts):
        return agree
    columns = {part: column for column, part in enumerate(set().union(*parts))}
    has = np.zeros((len(parts), len(columns)), np.float32)
    for row, part in enumerate(parts):
        has[row, [columns[name] for name in part]] = 1
    shares: Bools = has @ has.T > 0
    return shares[codes[:, None], codes[None, :]]


def per_query(
    similarity: NDArray[np.floating[Any]], relevant: Bools, candidates: Bools
) -> Mapping[str, Floats]:
    """Compute each of `METRICS` for each row of [m, n]: float64 [m], NaN if nothing is relevant.

    Precision@k counts hits among the first k, always over k. Ties are taken in column order.
    """
    scores = np.where(candidates, -similarity, np.inf)
    order = np.argsort(scores, axis=1, kind="stable")
    hits = np.take_along_axis(relevant & candidates, order, axis=1)
    total = hits.sum(axis=1)
    hits_so_far = hits.cumsum(axis=1)
    ranks = np.arange(1, hits.shape[1] + 1)
    known = total > 0
    rows = np.flatnonzero(known)
    average = (hits * (hits_so_far / ranks)).sum(axis=1)
    values = {name: np.full(len(hits), np.nan) for name in METRICS}
    for k in (5, 10):
        values[f"precision@{k}"][known] = hits[known, :k].sum(axis=1) / k
    values["r_precision"][known] = hits_so_far[rows, total[rows] - 1] / total[rows]
    values["average_precision"][known] = average[known] / total[known]
    return values


@dataclass(frozen=True)
class Interval:
    """A mean, and the bounds of the middle 95 % of its bootstrap means."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(values: Floats, groups: Texts, draws: int = 2000, seed: int = 0) -> Interval:
    """Mean of float64 [n] without its NaNs, and the interval over `groups` (artists, albums).

    `groups`: text [n]. Whole groups are drawn with replacement, because tracks of one artist are
    not independent; a track without a group forms its own. To compare two models on the same
    queries, pass the difference of their values (a paired comparison). NaNs only if there is no
    value.
    """
    known = np.isfinite(values)
    if not known.any():
        return Interval(np.nan, np.nan, np.nan)
    alone = np.array([f"\0{row}" for row in range(len(groups))])
    _, member = np.unique(np.where(groups == "", alone, groups)[known], return_inverse=True)
    sums, counts = np.bincount(member, values[known]), np.bincount(member)
    often = np.random.default_rng(seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), draws
    )
    means = (often @ sums) / (often @ counts)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values[known].mean()), float(low), float(high))
