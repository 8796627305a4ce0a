"""Small bar charts for the Dagster UI: an SVG within Markdown, which needs no plotting library."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 420, 120  # pixels
LEFT, ROW = 120, 18  # of a chart with names: room for them, the height of a bar
BAR, TEXT = "#5c8bd6", "#888888"  # readable on a light and on a dark page
BINS = 20


def histogram(values: Sequence[float], title: str) -> str:
    """Return a histogram of the values, each bar a twentieth of their range."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "none"
    low, high = min(finite), max(finite)
    width = (high - low) / BINS or 1.0
    counts = [0] * BINS
    for value in finite:
        counts[min(int((value - low) / width), BINS - 1)] += 1
    return columns(counts, low, high, title)


def columns(counts: Sequence[int], low: float, high: float, title: str) -> str:
    """Return counts of equal intervals from `low` to `high` as upright bars."""
    tallest, step = max(*counts, 1), WIDTH / len(counts)
    bars = [
        f'<rect x="{number * step:.1f}" y="{HEIGHT * (1 - count / tallest):.1f}" '
        f'width="{step - 1:.1f}" height="{HEIGHT * count / tallest:.1f}" fill="{BAR}"/>'
        for number, count in enumerate(counts)
    ]
    ends = _text(0, HEIGHT + 14, f"{low:.3g}") + _text(WIDTH, HEIGHT + 14, f"{high:.3g}", "end")
    middle = _text(WIDTH / 2, HEIGHT + 14, title, "middle")
    return _image(title, WIDTH, HEIGHT + 20, [*bars, ends, middle])


def named_bars(counts: Mapping[str, int], title: str) -> str:
    """Return counts by name as lying bars, in the given order."""
    if not counts:
        return "none"
    longest = max(*counts.values(), 1)
    parts = []
    for number, (name, count) in enumerate(counts.items()):
        top = number * ROW
        length = (WIDTH - LEFT - 40) * count / longest
        parts += [
            _text(LEFT - 6, top + 13, name, "end"),
            f'<rect x="{LEFT}" y="{top + 2}" width="{length:.1f}" height="{ROW - 4}" '
            f'fill="{BAR}"/>',
            _text(LEFT + length + 5, top + 13, str(count)),
        ]
    return _image(title, WIDTH, ROW * len(counts), parts)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    style = f'font-family="sans-serif" font-size="11" fill="{TEXT}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _image(title: str, width: int, height: int, parts: Sequence[str]) -> str:
    """Return the SVG as a Markdown image, whose text is for those who do not see it."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f"{''.join(parts)}</svg>"
    )
    data = base64.b64encode(svg.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{data})"
