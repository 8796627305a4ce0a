"""The report's plots. matplotlib is an optional extra; without it the report has no plots."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from soundalike.evaluation.retrieval import METRICS
from soundalike.evaluation.study import OCCURRENCE, Retrieval, Space

COLOURS = ("#1b6ca8", "#e08a1e", "#8c8c8c", "#5a9e4b", "#a84b8c")


def can_plot() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def plot(folder: Path, every: Mapping[str, Retrieval], spaces: Mapping[str, Space]) -> list[str]:
    """Write the PNGs into `folder` and return their names."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    width = 0.8 / len(every)
    for number, (model, result) in enumerate(every.items()):
        means = [result.means[metric] for metric in METRICS]
        left.bar(
            np.arange(len(METRICS)) + (number - (len(every) - 1) / 2) * width,
            [each.mean for each in means],
            width,
            yerr=[  # by rounding, a mean may be outside an interval of length 0
                [max(0.0, each.mean - each.low) for each in means],
                [max(0.0, each.high - each.mean) for each in means],
            ],
            capsize=2,
            color=COLOURS[number % len(COLOURS)],
            label=model,
        )
    left.set_xticks(range(len(METRICS)), [name.replace("_", " ") for name in METRICS])
    left.set_ylim(0, 1)
    left.set_title("Neighbours of the same label, 95 % intervals")
    left.legend(frameon=False)
    for number, (model, space) in enumerate(spaces.items()):
        counts = np.sort(space.occurrences)[::-1]
        right.plot(
            np.linspace(0, 100, len(counts)),
            counts,
            color=COLOURS[number % len(COLOURS)],
            label=f"{model}, skewness {space.hubness.skewness:.2f}",
        )
    right.axhline(OCCURRENCE, color="black", linewidth=0.5)
    right.set_xlabel("tracks, the most frequent neighbours first (%)")
    right.set_title(f"Number of lists of {OCCURRENCE} neighbours that a track is in")
    right.legend(frameon=False)
    figure.savefig(folder / "quality.png")
    return ["quality.png"]
