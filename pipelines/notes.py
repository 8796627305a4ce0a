"""Notes: what a sensor keeps in its cursor from one tick to the next, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.attempts import Note


@dataclass(frozen=True)
class Notes:
    """Notes of the last runs by piece of work, and the time of the last wipe seen by asset.

    A cursor that a person edited or an older release wrote counts as empty: the work that is due is
    then requested once more, which finds it done.
    """

    runs: Mapping[str, Note] = field(default_factory=dict)
    wiped: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> "Notes":
        """Read a cursor that `text` has written."""
        try:
            stored = json.loads(cursor or "{}")
            runs = {key: Note(*values) for key, values in stored["runs"].items()}
            return cls(runs, {key: float(at) for key, at in stored["wiped"].items()})
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def text(self) -> str:
        """The cursor's text."""
        return json.dumps({"runs": self.runs, "wiped": self.wiped}, separators=(",", ":"))
