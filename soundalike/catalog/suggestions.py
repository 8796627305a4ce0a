"""Suggestions: names that are nearly what a query without a match asks for ("did you mean")."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from functools import cache

from sqlalchemy import Select, cast, func, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.engine import Row

from soundalike.catalog.folding import fold, fold_words
from soundalike.catalog.presence import words_are_present
from soundalike.catalog.search_words import full_name, quoted
from soundalike.catalog.tables import FileWordsRow, TrackRow
from soundalike.catalog.text_search import TextQuery

MAX_CANDIDATES = 300
MAX_SUGGESTIONS = 3
MIN_LIKENESS = 0.7  # of a name, as SequenceMatcher.ratio has it
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


def closest(query: TextQuery, found: Iterable[Row[str | None, str]]) -> list[str]:
    """Return the names among `candidates` that are nearest to the query, best first.

    A name is `Artist - Title`, as tracks are printed, or an artist's where that is nearer.
    """
    likeness = {
        name: _likeness(query, name) for artist, title in found for name in _names(artist, title)
    }
    near = [name for name in likeness if likeness[name] >= MIN_LIKENESS]
    near.sort(key=lambda name: (-likeness[name], len(name), name))
    distinct: dict[str, str] = {}
    for name in near:
        distinct.setdefault(fold(name), name)
    return list(distinct.values())[:MAX_SUGGESTIONS]


def _ends(word: str) -> Iterator[str]:
    length = min(END, max(1, len(word) - 1))
    yield word[:length]
    yield word[-length:]


def _names(artist: str | None, title: str) -> Iterator[str]:
    if artist:
        yield artist
    yield full_name(artist, title)


def _likeness(query: TextQuery, name: str) -> float:
    """Return how near the name is, 0..1: as a whole, or each word of the query to one of it."""
    words = tuple(fold_words(name))
    whole = SequenceMatcher(None, "".join(query.words), "".join(words)).ratio()
    each = [_word_likeness(word, words) for word in query.words]
    return max(whole, min(each))


@cache
def _word_likeness(word: str, words: tuple[str, ...]) -> float:
    nearest = get_close_matches(word, words, 1, MIN_LIKENESS)
    return SequenceMatcher(None, word, nearest[0]).ratio() if nearest else 0.0
