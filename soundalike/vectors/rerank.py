"""Deterministic reranking of candidates: caps, near-duplicates, diversity."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.track_vectors import TrackVectors

Rule = Literal["duplicate_threshold", "per_artist", "per_album"]
Group = tuple[str, ...]  # ("artist", name), ("album", artist, name) or ("album", name)


@dataclass(frozen=True)
class RerankOptions:
    """Options that shape a result list beyond similarity. None and 0 turn an option off.

    `score_threshold` leaves out tracks with a lower score.
    `duplicate_threshold` leaves out tracks with at least that cosine to an example or a better
    result.
    `diversity` d is maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each rank
    goes to the best (1 - d) * score - d * cosine with the nearest of those chosen before.
    """

    per_artist: int | None = None
    per_album: int | None = None
    score_threshold: float | None = None
    duplicate_threshold: float | None = None
    diversity: float = 0.0

    @property
    def compares_results(self) -> bool:
        """True if results are compared with each other, which takes time."""
        return self.duplicate_threshold is not None or self.diversity > 0

    @property
    def leaves_out(self) -> bool:
        """True if rules may leave out some of the best candidates."""
        return self.caps_groups or self.duplicate_threshold is not None

    @property
    def caps_groups(self) -> bool:
        """True if artists or albums of the candidates are asked for."""
        return self.per_artist is not None or self.per_album is not None


class TrackMetadata(Protocol):
    """The metadata that reranking reads; `path` is None once the track has no file."""

    @property
    def artists(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def album(self) -> str | None: ...  # noqa: D102
    @property
    def path(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class RankedCandidates:
    """Candidates by (-score, id), each with the groups whose caps it counts towards.

    `vectors` and `scores`, float32 [c], are in this order.
    """

    vectors: TrackVectors
    scores: NDArray[np.float32]
    groups: list[tuple[Group, ...]]


@dataclass(frozen=True)
class PassedOver:
    """A candidate, by its position, that a rule left out, when so many results were chosen."""

    position: int
    rule: Rule
    chosen: int


@dataclass(frozen=True, eq=False)
class Reranked:
    """The positions of the chosen candidates, int64 [r], and those that a rule left out.

    What is below the score threshold is in neither.
    """

    positions: NDArray[np.int64]
    left_out: list[PassedOver]


def groups_of(metadata: TrackMetadata, options: RerankOptions) -> tuple[Group, ...]:
    """The capped groups a track is in: each of its artists, and its first artist's album.

    Tracks without an artist are never capped by artist.
    """
    artists = [artist.casefold() for artist in metadata.artists]
    album = (metadata.album or "").casefold()
    groups: list[Group] = []
    if options.per_artist is not None:
        groups += [("artist", artist) for artist in dict.fromkeys(artists)]
    if album and options.per_album is not None:
        groups.append(("album", *artists[:1], album))
    return tuple(groups)


def rerank(
    candidates: RankedCandidates,
    options: RerankOptions,
    examples: NDArray[np.float32],
    limit: int,
) -> Reranked:
    """Choose up to `limit` candidates, in the order of the results.

    `examples` are float32 [e, dim]. The first results do not depend on `limit`, nor, without
    diversity, on the number of candidates.
    """
    chosen: list[int] = []
    counts: Counter[Group] = Counter()
    left_out: list[PassedOver] = []
    available = _eligible(candidates, options, examples, left_out)
    if not options.caps_groups and not options.compares_results:  # no choice changes another
        return Reranked(np.flatnonzero(available)[:limit], left_out)
    nearest_chosen = np.full(len(candidates.scores), -1.0, np.float32)
    relevance = candidates.scores
    while len(chosen) < limit and available.any():
        # The first of ties; by score alone candidates are in the order of the results already.
        ranked = np.where(available, relevance, -np.inf) if options.diversity else available
        position = int(ranked.argmax())
        available[position] = False
        if rule := _cap(candidates.groups[position], options, counts):
            left_out.append(PassedOver(position, rule, len(chosen)))
            continue
        chosen.append(position)
        counts.update(candidates.groups[position])
        if not options.compares_results:
            continue
        cosines = candidates.vectors.scores(candidates.vectors.vector(position))
        if options.duplicate_threshold is not None:
            duplicates = available & (cosines >= options.duplicate_threshold)
            left_out += _duplicates(duplicates, len(chosen))
            available &= ~duplicates
        nearest_chosen = np.maximum(nearest_chosen, cosines)
        relevance = (1 - options.diversity) * candidates.scores - options.diversity * nearest_chosen
    return Reranked(np.array(chosen, np.int64), left_out)


def _eligible(
    candidates: RankedCandidates,
    options: RerankOptions,
    examples: Iterable[NDArray[np.float32]],
    left_out: list[PassedOver],
) -> NDArray[np.bool_]:
    """A mask, bool [c], of those that reach the score and are no near-duplicates of an example.

    Those near-duplicates are added to `left_out`.
    """
    available = np.ones(len(candidates.scores), bool)
    if options.score_threshold is not None:
        available &= candidates.scores >= options.score_threshold
    if options.duplicate_threshold is not None:
        for vector in examples:
            near = candidates.vectors.scores(vector) >= options.duplicate_threshold
            left_out += _duplicates(available & near, 0)
            available &= ~near
    return available


def _duplicates(mask: NDArray[np.bool_], chosen: int) -> list[PassedOver]:
    positions = np.flatnonzero(mask).tolist()
    return [PassedOver(position, "duplicate_threshold", chosen) for position in positions]


def _cap(groups: tuple[Group, ...], options: RerankOptions, counts: Counter[Group]) -> Rule | None:
    """Return the rule that caps one of these groups, if one is full."""
    caps = {"artist": options.per_artist, "album": options.per_album}
    full = {group[0] for group in groups if counts[group] >= (caps[group[0]] or 0)}
    if "artist" in full:
        return "per_artist"
    return "per_album" if full else None
