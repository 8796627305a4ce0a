"""Quality of the published index, in numbers to follow over versions; they never block anything.

Computed on at most 2000 evenly chosen tracks: hubness and cosines from the vectors alone, and,
where the files' own tags name genres, how many of the 10 nearest tracks of other artists share one.
"""

from dataclasses import dataclass

import numpy as np

from soundalike.catalog import publications, tracks
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import FloatArray
from soundalike.errors import ArtifactError
from soundalike.evaluation.hubness import random_cosines
from soundalike.evaluation.labels import LabelFacts, collected, several
from soundalike.evaluation.retrieval import Labels
from soundalike.evaluation.study import Space, retrieval, space
from soundalike.sampling import evenly
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_copies import fetch_version

MAX_TRACKS = 2000  # hubness depends on the number of tracks: one size for all larger libraries
MIN_TRACKS = 12  # with fewer, the 10 neighbours are all other tracks
MIN_QUERIES = 10
# A space of at least ENOUGH_TRACKS is degenerate if its cosines (1 % to 99 %) spread less than
# EQUALLY_NEAR, or its largest hub is in more than HUB_OF_ALL of the lists of neighbours.
# musicnn's spread is 0.97 and its largest hub 9 % of the lists on the music of docs/quality.md.
ENOUGH_TRACKS = 100
EQUALLY_NEAR = 0.01
HUB_OF_ALL = 0.5
COSINE_BINS = 20


@dataclass(frozen=True)
class Quality:
    """Metrics by name; `degenerate` is why the vectors hardly distinguish tracks, or "".

    `cosine_counts` is a histogram of the cosines of random pairs, over `cosine_range`.
    """

    numbers: dict[str, float]
    degenerate: str
    cosine_counts: tuple[int, ...] = ()
    cosine_range: tuple[float, float] = (0.0, 0.0)


def index_quality(sessions: Sessions, store: ArtifactStore) -> Quality:
    """Measure the published index.

    Raises ArtifactError if none is published, or its files are damaged.
    """
    with sessions() as session:
        served = publications.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; materialise published_index")
    fetch_version(store, served.index.version, served.index.manifest_sha256)
    sample, matrix = _sample(store, served.index.version)
    numbers: dict[str, float] = {"sampled_tracks": len(sample)}
    if len(sample) < MIN_TRACKS:
        return Quality(numbers, "")
    measured = space(matrix)
    numbers |= {
        "hubness_skewness": round(measured.hubness.skewness, 3),
        "orphans_share": round(measured.hubness.orphans, 4),
        "largest_hub_share": round(measured.hubness.largest_hub, 4),
        "cosine_median": round(float(measured.cosines[2]), 4),
        "cosine_99_percent": round(float(measured.cosines[4]), 4),
    }
    counts, edges = np.histogram(random_cosines(matrix), COSINE_BINS)
    return Quality(
        numbers=numbers | _by_genre(matrix, _labels(sessions, sample)),
        degenerate=_degenerate(measured, sample),
        cosine_counts=tuple(map(int, counts)),
        cosine_range=(float(edges[0]), float(edges[-1])),
    )


def _sample(store: ArtifactStore, version: str) -> tuple[list[str], FloatArray]:
    """Choose track ids evenly, and read their vectors [n, dim]."""
    from soundalike.vectors.index.open_index import OpenIndex

    index = OpenIndex.open(store.index(version))
    chosen = evenly(index.track_ids, MAX_TRACKS)
    return chosen, index.vectors_of(chosen)


def _labels(sessions: Sessions, sample: list[str]) -> Labels:
    with sessions() as session:
        known = {
            track: LabelFacts(several(genres).casefold(), several(artists), album or "")
            for track, genres, artists, album in session.execute(tracks.labels_of(sample))
        }
    return collected(known.get(track, LabelFacts()) for track in sample)


def _by_genre(matrix: FloatArray, labels: Labels) -> dict[str, float]:
    """Measure precision at 10 by genre, for `matrix` [n, dim].

    Only tracks with a genre are queries or candidates, and a query's candidates are those of other
    artists and albums.
    """
    tagged = labels.label != ""
    labels, matrix = labels.take(tagged), matrix[tagged]
    if len(labels) < MIN_TRACKS:
        return {}
    measured = retrieval(matrix @ matrix.T, labels, filtered=True)
    if measured.queries < MIN_QUERIES:
        return {}
    candidates = labels.candidates(other_artist=True, other_album=True)
    relevant = labels.relevant() & candidates
    is_query = relevant.any(axis=1)
    by_chance = relevant[is_query].sum(axis=1) / candidates[is_query].sum(axis=1)
    return {
        "genre_precision_at_10": round(measured.means["precision@10"].mean, 4),
        "genre_precision_by_chance": round(float(by_chance.mean()), 4),
        "genre_queries": measured.queries,
    }


def _degenerate(measured: Space, sample: list[str]) -> str:
    if len(sample) < ENOUGH_TRACKS:
        return ""
    if measured.cosines[4] - measured.cosines[0] < EQUALLY_NEAR:
        return f"almost all pairs of tracks are equally near, within {EQUALLY_NEAR} of cosine"
    if measured.hubness.largest_hub > HUB_OF_ALL:
        return f"one track is among the 10 nearest of more than {HUB_OF_ALL:.0%} of all"
    return ""
