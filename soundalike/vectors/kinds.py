"""The kinds of index, which one a collection's size calls for, and the recall each must reach.

Every kind carries the exact vectors, and every score is computed from them. The kinds differ in how
candidates are searched:

- `flat`: all vectors are read. 25 ms for 100 000 x 768 on a core: fine for most collections.
- `flat+pq`: codes of two bits a dimension (product quantization) are scanned for all vectors, 1/32
  of the bytes, and the best candidates are scored. 0.35 ms.

Releases before built `flat+rabitq`, codes of one bit, and `ivf`, lists of those; such indexes are
opened until the next one is built.
"""

from dataclasses import dataclass, field
from typing import Literal

from soundalike.settings import KindChoice

KindName = Literal["flat", "flat+pq", "flat+rabitq", "ivf"]

MIN_TRACKS_FOR_CODES = 50_000  # below, reading everything takes under 20 ms
CURRENT_KINDS: tuple[KindName, ...] = ("flat", "flat+pq")
FALLBACK_KIND: dict[KindName, KindChoice] = {"flat+pq": "flat"}
RECALL_FLOOR: dict[KindName, float] = {
    "flat": 1.0,
    "flat+pq": 0.999,
    "flat+rabitq": 0.999,
    "ivf": 0.98,
}


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

    @property
    def is_current(self) -> bool:
        """True if this release builds it; indexes of former kinds are opened only."""
        return self.name in CURRENT_KINDS


def kind_for(tracks: int, choice: KindChoice = "auto") -> IndexKind:
    """The kind for that many tracks, unless `choice` names one.

    Increment `codes` whenever codes are computed differently, so that index versions differ.
    """
    name: KindName = "flat" if tracks < MIN_TRACKS_FOR_CODES else "flat+pq"
    if choice != "auto":
        name = choice
    return IndexKind(name, {} if name == "flat" else {"codes": 1})
