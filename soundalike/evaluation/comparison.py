"""Two models on the same tracks: the difference of each measure, with its uncertainty."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from soundalike.errors import LibraryError
from soundalike.evaluation.retrieval import Floats, Interval, Texts, bootstrap

Pair = tuple[str, str]  # a model, and the one that it is compared with
Measures = Mapping[str, Mapping[str, Floats]]  # section -> measure -> float64 [n], one a track
SHOWN_FILES = 5
MIN_GROUPS = 10  # of fewer artists, bootstrap intervals are far too narrow


@dataclass(frozen=True)
class Difference:
    """The mean of a model's values less another's, over the queries that both have a value for."""

    section: str
    measure: str
    model: str
    against: str
    queries: int
    groups: int
    mean: Interval

    @property
    def better(self) -> str:
        """The model whose values are greater; "" if the interval contains 0, or is not trusted."""
        if self.groups < MIN_GROUPS:
            return ""
        if self.mean.low > 0:
            return self.model
        return self.against if self.mean.high < 0 else ""


def paired(pair: Pair, measures: Mapping[str, Measures], groups: Texts) -> list[Difference]:
    """Compare two models measure by measure, query by query.

    `measures`: for each model its values, float64 [n], NaN where a track was no query. `groups`:
    text [n], drawn as a whole by the bootstrap. Differences of pairs are far more certain than
    those of two means: what makes a query hard makes it hard for both.
    """
    model, against = pair
    differences = []
    for section, values in measures[model].items():
        for measure, own in values.items():
            difference = own - measures[against][section][measure]
            known = np.isfinite(difference)
            drawn = groups[known]
            count = len(set(drawn[drawn != ""])) + int((drawn == "").sum())
            mean = bootstrap(difference, groups)
            differences.append(
                Difference(section, measure, model, against, int(known.sum()), count, mean)
            )
    return differences


def require_same_tracks(
    paths: Mapping[str, str], pair: Pair, embedded: Mapping[str, Collection[str]]
) -> None:
    """Require that both models can embed the same tracks.

    `paths`: each track's file, `embedded`: for each model the tracks that it can embed. Raises
    LibraryError that names the files that only one of them can.
    """
    for able, unable in (pair, pair[::-1]):
        only = set(embedded[able]) - set(embedded[unable])
        if files := sorted(path for track, path in paths.items() if track in only):
            shown = ", ".join(files[:SHOWN_FILES]) + ", ..." * (len(files) > SHOWN_FILES)
            raise LibraryError(
                f"{unable} cannot embed {len(files)} of the tracks that {able} can: {shown}.\nOnly "
                "the same tracks can be compared: leave these out by a .soundalikeignore"
            )
