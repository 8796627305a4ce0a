"""Small bar charts for the Dagster UI: an SVG within Markdown, which needs no plotting library.

They are short, because the UI shows Markdown of 1000 characters or more only behind a link.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 420, 110  # pixels
LEFT, ROW = 110, 18  # of a chart with names: room for them, the height of a bar
BINS = 20
STYLE = 'font-family="sans-serif" font-size="11" fill="#888"'  # on a light and on a dark page


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
    tallest, step = max(*counts, 1), WIDTH // len(counts)
    heights = [round(HEIGHT * count / tallest) for count in counts]
    bars = "".join(f"M{n * step} {HEIGHT}v-{h}h{step - 1}v{h}" for n, h in enumerate(heights) if h)
    below = HEIGHT + 14
    texts = (
        f'<text y="{below}">{low:.3g}</text>'
        f'<text x="{WIDTH // 2}" y="{below}" text-anchor="middle">{escape(title)}</text>'
        f'<text x="{WIDTH}" y="{below}" text-anchor="end">{high:.3g}</text>'
    )
    return _image(title, HEIGHT + 20, bars, texts)


def named_bars(counts: Mapping[str, int], title: str) -> str:
    """Return counts by name as lying bars, in the given order."""
    if not counts:
        return "none"
    longest = max(*counts.values(), 1)
    bars, names, numbers = "", "", ""
    for row, (name, count) in enumerate(counts.items()):
        length, y = round((WIDTH - LEFT - 50) * count / longest), row * ROW
        bars += f"M{LEFT} {y + 2}h{length}v{ROW - 4}h-{length}"
        names += f'<text x="{LEFT - 6}" y="{y + 13}">{escape(name)}</text>'
        numbers += f'<text x="{LEFT + length + 5}" y="{y + 13}">{count}</text>'
    return _image(title, ROW * len(counts), bars, f'<g text-anchor="end">{names}</g>{numbers}')


def _image(title: str, height: int, bars: str, texts: str) -> str:
    """Return the SVG as a Markdown image, whose title is for those who do not see it."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">'
        f'<path fill="#5c8bd6" d="{bars}"/><g {STYLE}>{texts}</g></svg>'
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
