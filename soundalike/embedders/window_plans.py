"""Window plans: how much of a track is embedded (SOUNDALIKE_WINDOWS), as part of a space."""

from soundalike.audio.window_plan import WindowPlan
from soundalike.settings import Windows

# `balanced`: a minute of each track, in windows spread over it.
BALANCED_SECONDS = 60

# Incremented when a change of the code changes the vectors.
PREPROCESSING = 1


def window_plan(sample_rate: int, samples: int, windows: Windows) -> WindowPlan:
    """Make a plan of windows of `samples` at `sample_rate` (Hz), as many as `windows` allows."""
    if windows == "all":
        return WindowPlan(sample_rate, samples, None)
    count = BALANCED_SECONDS // _seconds(sample_rate, samples) if windows == "balanced" else windows
    return WindowPlan(sample_rate, samples, count)


def plan_name(plan: WindowPlan) -> str:
    """The plan's part of a space's id: `6x10s`, `allx10s`."""
    return f"{plan.max_windows or 'all'}x{_seconds(plan.sample_rate, plan.samples)}s"


def plan_parameters(plan: WindowPlan) -> dict[str, str | int | float]:
    """The plan's part of a space's parameters. Their names are part of its fingerprint."""
    return {
        "sample_rate": plan.sample_rate,
        "window_seconds": plan.samples / plan.sample_rate,
        "most_windows": plan.max_windows or "all",
        "pooling": "mean",
        "preprocessing": PREPROCESSING,
    }


def _seconds(sample_rate: int, samples: int) -> int:
    return samples // sample_rate
