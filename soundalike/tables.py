"""Tables for the terminal. They fit its width and never split a word over two lines."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from soundalike.catalog.failures import FailureView
from soundalike.catalog.tracks import TrackView
from soundalike.display_text import printable
from soundalike.terminal import counted, safe
from soundalike.vectors.ranking import Result

ELLIPSIS = "…"
NARROW = 60  # a terminal with fewer columns shows only what names a row, and its number
DIM = Style(dim=True)


class PathCell:
    """A path on one line, shortened so that the file's name stays visible."""

    def __init__(self, path: str, style: Style | None = None) -> None:
        self._path = printable(path)
        self._style = style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Any width will do, up to the whole path's."""
        return Measurement(1, max(1, cell_len(self._path))).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the path at the width that its column was given."""
        yield Segment(shortened(self._path, options.max_width), self._style)
        yield Segment.line()


def shortened(path: str, width: int) -> str:
    """Shorten a path to `width` cells: by its first folders, then in the middle of its name."""
    parts = path.split("/")
    name = parts[-1]
    tails = ["/".join((ELLIPSIS, *parts[start:])) for start in range(1, len(parts))]
    for candidate in (path, *tails, name):
        if cell_len(candidate) <= width:
            return candidate
    ending = name[-max(1, width) :]
    while cell_len(ending) > (width - 1) // 2:
        ending = ending[1:]
    beginning = set_cell_size(name, width - 1 - cell_len(ending)).rstrip()
    return beginning + ELLIPSIS + ending


def similar_table(
    query: TrackView, results: Sequence[tuple[Result, TrackView]], width: int
) -> Table:
    """The tracks that sound like `query`, nearest first, for a terminal of `width` columns.

    The percentile is the percentage of pairs of tracks that are less similar.
    """
    table = _table(f"Sounds like {query.name}")
    for column in ("#", "score", "percentile")[: 2 if width < NARROW else 3]:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("track")
    with_tags = width >= NARROW and any(track.tags for _, track in results)
    if with_tags:
        table.add_column("tags")
    for result, track in results:
        percentile = "" if result.percentile is None else f"{result.percentile:.1f}"
        numbers = (str(result.rank), f"{result.score:.3f}", percentile)
        tags = ", ".join(tag["word"] for tag in track.tags[:3])
        shown = numbers[: 2 if width < NARROW else 3]
        file = _named_file(track.name, track.path)
        table.add_row(*shown, file, *([safe(tags)] if with_tags else []))
    return table


def failures_table(failures: Sequence[FailureView], total: int, width: int) -> Table:
    """The failed files, why they failed, and when each is retried; `total` counts all of them."""
    table = _table(f"{counted(total, 'file')} failed")
    table.add_column("file, reason")
    if width >= NARROW:
        table.add_column("stage, code", no_wrap=True)
    table.add_column("attempts, next", no_wrap=True)
    for failure in failures:
        retry = f"{failure.retry_at:%Y-%m-%d %H:%M}" if failure.retry_at else "if it changes"
        file = _stacked((PathCell(failure.path), f"[dim]{safe(failure.message)}[/dim]"))
        where = [f"{safe(failure.stage)}\n{safe(failure.code)}"] if width >= NARROW else []
        table.add_row(file, *where, f"{failure.attempts}\n{retry}")
    if total > len(failures):
        table.caption = f"and {total - len(failures)} more: soundalike failures"
    return table


def _table(title: str) -> Table:
    title_line = Text(printable(title), "table.title", overflow="ellipsis")
    return Table(title=title_line, title_justify="left")


def _named_file(name: str, path: str | None) -> Table:
    """A track's name, and under it its file."""
    return _stacked((safe(name), PathCell(path, DIM)) if path else (safe(name),))


def _stacked(lines: Iterable[str | PathCell]) -> Table:
    grid = Table.grid()
    grid.add_column()  # words wrap; one that is longer than the column ends in an ellipsis
    for line in lines:
        grid.add_row(line)
    return grid
