"""Choosing from the best matches: caps, near-duplicates, diversity. Always in a fixed order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.question import Rules

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.exact import ExactVectors

Group = tuple[str, ...]  # ("artist", name) or ("album", artist, name)


class Facts(Protocol):
    """What choosing needs to know of a track; `path` is None once it has no file."""

    @property
    def artist(self) -> str | None: ...  # noqa: D102
    @property
    def album(self) -> str | None: ...  # noqa: D102
    @property
    def path(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Pool:
    """Matches to choose from, by (-value, row), with what each one's caps count."""

    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    groups: list[tuple[Group, ...]]


def groups_of(facts: Facts, rules: Rules) -> tuple[Group, ...]:
    """What a track counts against: its artist, and its artist's album. Nobody is not an artist."""
    artist, album = (facts.artist or "").casefold(), (facts.album or "").casefold()
    groups: list[Group] = []
    if artist and rules.per_artist is not None:
        groups.append(("artist", artist))
    if album and rules.per_album is not None:
        groups.append(("album", artist, album))
    return tuple(groups)


def choose(
    pool: Pool, rules: Rules, exact: "ExactVectors", examples: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """Up to `count` places in the pool, in the order of the answer.

    What comes first does not depend on `count`, nor, without diversity, on how far the pool goes.
    """
    chosen: list[int] = []
    taken: Counter[Group] = Counter()
    free = _not_duplicates(np.ones(len(pool.rows), bool), pool, rules, exact, examples)
    nearest = np.full(len(pool.rows), -1.0, np.float32)  # of those chosen before
    worth = pool.values
    while len(chosen) < count and free.any():
        place = int(np.argmax(np.where(free, worth, -np.inf)))  # the first of equal ones
        free[place] = False
        if _is_full(pool.groups[place], rules, taken):
            continue
        chosen.append(place)
        taken.update(pool.groups[place])
        if not rules.compares:
            continue
        vector = exact.vectors(pool.rows[place : place + 1])
        near = exact.scores(vector[0], pool.rows)
        if rules.duplicate is not None:
            free &= near < rules.duplicate
        nearest = np.maximum(nearest, near)
        worth = (1 - rules.diversity) * pool.values - rules.diversity * nearest
    return np.array(chosen, np.int64)


def _not_duplicates(
    free: NDArray[np.bool_],
    pool: Pool,
    rules: Rules,
    exact: "ExactVectors",
    examples: Iterable[NDArray[np.float32]],
) -> NDArray[np.bool_]:
    """Those that are not the same as an example, as far as likeness can tell."""
    if rules.duplicate is not None:
        for vector in examples:
            free = free & (exact.scores(vector, pool.rows) < rules.duplicate)
    return free


def _is_full(groups: tuple[Group, ...], rules: Rules, taken: Counter[Group]) -> bool:
    most = {"artist": rules.per_artist, "album": rules.per_album}
    return any(taken[group] >= (most[group[0]] or 0) for group in groups)
