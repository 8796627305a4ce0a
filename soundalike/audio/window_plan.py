"""Window plans: how a track is cut for a model. `windows` applies them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WindowPlan:
    """Equal windows spread over a track, never padded.

    `samples` is a window's length at `sample_rate` (Hz). At most `max_windows` are taken, or as
    many as cover the whole track if it is None. A track shorter than one window is one shorter
    window; below `min_seconds` it is refused as too short.
    """

    sample_rate: int
    samples: int
    max_windows: int | None
    min_seconds: float = 1.0
