"""The kinds of index, which one a collection's size calls for, and the recall each must reach.

Every kind carries the exact vectors, and every score is computed from them. The kinds differ in how
candidates are searched:

- `flat`: all vectors are read. 35 ms for 100 000 x 768 on a core: fine for most collections.
- `flat+rabitq`: a code of one bit a dimension is scanned for all vectors, 1/29 of the bytes
  (Gao and Long, "RaBitQ", SIGMOD 2024), and the best candidates are scored.
- `ivf`: the same codes, but only those in the lists nearest to the query are scanned.
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

MIN_TRACKS_PER_LIST = 39  # faiss' k-means warns of fewer training vectors for each list
MIN_PROBES = 64  # or an eighth of the lists, if more: recall@10 0.993 where 64 of 1024 gave 0.964


@dataclass(frozen=True)
class IndexKind:
    """A kind's name, and the parameters that decide what is in an index's files."""

    name: KindName
    parameters: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Name and parameters, for the version's hash; only the name for a flat index."""
        named = ",".join(f"{name}={value}" for name, value in sorted(self.parameters.items()))
        return f"{self.name}:{named}" if named else self.name

    @property
    def has_codes(self) -> bool:
        """True if the index has a file of codes beside the vectors."""
        return self.name != "flat"


def kind_for(tracks: int, choice: KindChoice = "auto") -> IndexKind:
    """The kind for that many tracks, unless `choice` names one."""
    name: KindName
    if choice != "auto":
        name = choice
    elif tracks < MIN_TRACKS_FOR_CODES:
        name = "flat"
    else:
        name = "flat+rabitq" if tracks < MIN_TRACKS_FOR_IVF else "ivf"
    return IndexKind(name, _parameters(name, tracks))


def _parameters(name: KindName, tracks: int) -> dict[str, int]:
    """The parameters of a kind for that many tracks.

    Increment `codes` whenever codes are computed differently, so that index versions differ.
    """
    if name == "flat":
        return {}
    if name == "flat+rabitq":
        return {"codes": 1}
    lists = 2 ** round(math.log2(max(1.0, 4 * math.sqrt(tracks))))
    lists = max(1, min(lists, tracks // MIN_TRACKS_PER_LIST))
    return {"codes": 1, "lists": lists, "probes": min(max(MIN_PROBES, lists // 8), lists)}
