"""The kinds of index, which one a collection's size calls for, and what each must reach.

Every kind carries the exact vectors, and every score is computed from them. What differs is how the
few vectors worth scoring are found:

- `flat`: all of them are read. 35 ms for 100 000 x 768 on a core: fine for most collections.
- `flat+rabitq`: a code of one bit a dimension is scanned for all vectors, 1/29 of the bytes
  (Gao and Long, "RaBitQ", SIGMOD 2024), and the best candidates are scored.
- `ivf`: the same codes, but only those in the lists nearest to the query.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from soundalike.settings import KindChoice

KindName = Literal["flat", "flat+rabitq", "ivf"]

MIN_TRACKS_FOR_CODES = 50_000  # below, reading everything takes under 20 ms
MIN_TRACKS_FOR_IVF = 1_500_000  # below, scanning all codes takes under 50 ms
FALLBACK_KIND: dict[KindName, KindName] = {"ivf": "flat+rabitq", "flat+rabitq": "flat"}
RECALL_FLOOR: dict[KindName, float] = {"flat": 1.0, "flat+rabitq": 0.999, "ivf": 0.98}

MIN_TRACKS_PER_LIST = 39  # the least that faiss' k-means wants for each list
MIN_PROBES = 64  # at least; else an eighth: recall@10 0.993 where 64 of 1024 gave 0.964


@dataclass(frozen=True)
class IndexKind:
    """What is built: a name, and the parameters that decide what is in its files."""

    name: KindName
    parameters: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Name and parameters, for the version's hash; of a flat index only the name."""
        named = ",".join(f"{name}={value}" for name, value in sorted(self.parameters.items()))
        return f"{self.name}:{named}" if named else self.name

    @property
    def has_codes(self) -> bool:
        """Whether a file of codes stands beside the vectors."""
        return self.name != "flat"


def kind_for(tracks: int, choice: KindChoice = "auto") -> IndexKind:
    """The kind for that many tracks, unless a person chose one."""
    name: KindName
    if choice != "auto":
        name = choice
    elif tracks < MIN_TRACKS_FOR_CODES:
        name = "flat"
    else:
        name = "flat+rabitq" if tracks < MIN_TRACKS_FOR_IVF else "ivf"
    return IndexKind(name, _parameters(name, tracks))


def _parameters(name: KindName, tracks: int) -> dict[str, int]:
    """`codes` is raised when they are made in another way, so that versions differ."""
    if name == "flat":
        return {}
    if name == "flat+rabitq":
        return {"codes": 1}
    lists = 2 ** round(math.log2(max(1.0, 4 * math.sqrt(tracks))))
    lists = max(1, min(lists, tracks // MIN_TRACKS_PER_LIST))
    return {"codes": 1, "lists": lists, "probes": min(max(MIN_PROBES, lists // 8), lists)}
