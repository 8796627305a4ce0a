"""Suggestions: names that are nearly what a query without a match asks for ("did you mean")."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches

from sqlalchemy import Select, cast, func, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.engine import Row

from soundalike.catalog.folding import fold
from soundalike.catalog.presence import words_are_present
from soundalike.catalog.search_words import full_name, quoted
from soundalike.catalog.tables import FileWordsRow, TrackRow
from soundalike.catalog.text_search import MAX_WORDS, TextQuery

MAX_CANDIDATES = 300
MAX_SUGGESTIONS = 3
MIN_LIKENESS = 0.7  # of a name, as SequenceMatcher.ratio has it
MAX_CHARACTERS = 100  # of a name that are compared
END = 3  # letters; one mistake leaves the beginning or the end of most words as it is


def candidates(query: TextQuery) -> Select[str | None, str]:
    """Select artist and title of tracks with an end of the query's words, most of them first."""
    ends = sorted({quoted(end) + ":*" for word in query.words for end in _ends(word)})
    tsquery = cast(" | ".join(ends), TSQUERY)
    return (
        select(TrackRow.artist, TrackRow.title)
        .join(FileWordsRow, FileWordsRow.track_id == TrackRow.id)
        .where(FileWordsRow.words.bool_op("@@")(tsquery), words_are_present())
        .order_by(func.ts_rank(FileWordsRow.words, tsquery).desc(), FileWordsRow.sort_key)
        .limit(MAX_CANDIDATES)
    )


def closest(query: TextQuery, found: Sequence[Row[str | None, str]]) -> list[str]:
    """Return the names among `candidates` that are nearest to the query, best first.

    A name is a track's full name, or an artist's where that is nearer. It takes up to some tenths
    of a second.
    """
    names = {fold(name): name for row in reversed(found) for name in _names(*row)}
    likeness = {folded: _likeness(query, folded.split()) for folded in names}
    near = [folded for folded in names if likeness[folded] >= MIN_LIKENESS]
    near.sort(key=lambda folded: (-likeness[folded], len(folded), folded))
    return [names[folded] for folded in near[:MAX_SUGGESTIONS]]


def _ends(word: str) -> Iterator[str]:
    length = min(END, max(1, len(word) - 1))
    yield word[:length]
    yield word[-length:]


def _names(artist: str | None, title: str) -> Iterator[str]:
    if artist:
        yield artist
    yield full_name(artist, title)


def _likeness(query: TextQuery, words: list[str]) -> float:
    """Return how near a name is, 0..1: as a whole, or each word of the query to one of it."""
    whole = _ratio("".join(query.words), "".join(words))
    nearest = [get_close_matches(word, words[:MAX_WORDS], 1, MIN_LIKENESS) for word in query.words]
    if not all(nearest):
        return whole
    each = [_ratio(word, *match) for word, match in zip(query.words, nearest, strict=True)]
    return max(whole, min(each))


def _ratio(query: str, name: str) -> float:
    matcher = SequenceMatcher(None, name[:MAX_CHARACTERS], query[:MAX_CHARACTERS])
    return matcher.ratio() if matcher.quick_ratio() >= MIN_LIKENESS else 0.0
