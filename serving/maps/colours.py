"""Categories of a map's points: the values of a field that most tracks have."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.catalog.tracks import TrackView

Colour = Literal["genre", "tag", "folder", "decade"]
COLOURS: tuple[Colour, ...] = ("genre", "tag", "folder", "decade")
MOST = 12  # that eyes tell apart; the rest is 0, with what has no value
ENOUGH = 0.6  # the share of tracks that must have a genre for it to be the first choice


@dataclass(frozen=True, eq=False)
class Categories:
    """The commonest values of a field, and of each row the number of its own from 1; 0 for none.

    `counts` are of `names`; `known` is the share of tracks with any value.
    """

    names: list[str]
    counts: list[int]
    codes: NDArray[np.uint8]
    known: float


def value_of(colour: Colour, view: TrackView | None) -> str | None:
    """Return what a track is coloured by; None without such a value, or without a track."""
    return _VALUES[colour](view) if view else None


def categories(colour: Colour, values: Sequence[str | None]) -> Categories:
    """Sort the values, one a row of the index, into categories."""
    counted = Counter(each for each in values if each is not None)
    chosen = sorted(counted, key=lambda name: (-counted[name], name))[:MOST]
    if colour == "decade":
        chosen.sort()
    numbers = {name: number for number, name in enumerate(chosen, 1)}
    codes = np.fromiter((numbers.get(each or "", 0) for each in values), np.uint8, len(values))
    known = counted.total() / len(values) if values else 0.0
    return Categories(chosen, [counted[name] for name in chosen], codes, known)


def first_choice(known: dict[Colour, float]) -> Colour:
    """Return the colour that tells most: genres if most tracks have one, else what is heard."""
    if known["genre"] >= ENOUGH:
        return "genre"
    return "tag" if known["tag"] else "folder"


def _genre(view: TrackView) -> str | None:
    return view.genres[0] if view.genres else view.genre


def _tag(view: TrackView) -> str | None:
    return str(view.tags[0]["word"]) if view.tags else None


def _folder(view: TrackView) -> str | None:
    if view.path is None:
        return None
    first, separator, _ = view.path.partition("/")
    return first if separator else view.root


def _decade(view: TrackView) -> str | None:
    return f"{view.year // 10 * 10}s" if view.year else None


_VALUES: dict[Colour, Callable[[TrackView], str | None]] = {
    "genre": _genre,
    "tag": _tag,
    "folder": _folder,
    "decade": _decade,
}
