"""Text search: the tracks that a person's words find, the best ones first.

The same for the API and the command line; `search_words` says what is stored.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from soundalike.catalog.folding import fold_words, spellings
from soundalike.catalog.presence import words_are_present
from soundalike.catalog.search_words import has_name, is_dense, name_term, quoted
from soundalike.catalog.tables import FileRow, FileWordsRow, RootRow, TrackRow

MAX_WORDS = 10  # further words of a query are passed over

# Ranks, best first.
RANKS = 5
EXACT, SAME_NAME, PHRASE, WHOLE_WORDS, PARTS = range(RANKS)


@dataclass(frozen=True)
class TextQuery:
    """The words of a query, folded, and the text that they come from, as Postgres can store it."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "TextQuery":
        """Fold a text that people typed or pasted; any text will do."""
        storable = text.encode("utf-8", "replace").decode().replace("\0", " ").strip()
        return cls(storable, tuple(fold_words(storable)[:MAX_WORDS]))

    @property
    def parts(self) -> str:
        """The tsquery that finds all tracks: each word is one of theirs, or a part of one."""
        return " & ".join(f"{quoted(word)}{_prefix(word)}" for word in self.words)

    @property
    def whole_words(self) -> str:
        """The tsquery of tracks that have each word as it is."""
        return " & ".join(f"{quoted(word)}:A" for word in self.words)

    @property
    def phrase(self) -> str:
        """The tsquery of tracks that have the words one after another."""
        return " <-> ".join(f"{quoted(word)}:A" for word in self.words)


def _prefix(word: str) -> str:
    """Return the mark of a word that is found by its beginning; single letters are whole words."""
    return ":*" if len(word) > 1 or is_dense(word) else ""


def ranked(query: TextQuery) -> Select[str, str, int]:
    """Select id, sort key and rank of the tracks with a file that match the query, in no order."""
    rank = case(
        (_is_exact(query.text), EXACT),
        (FileWordsRow.track_id.in_(_of_same_name(query.text)), SAME_NAME),
        (_has(query.phrase), PHRASE),
        (_has(query.whole_words), WHOLE_WORDS),
        else_=PARTS,
    )
    return (
        select(FileWordsRow.track_id, FileWordsRow.sort_key, func.min(rank).label("rank"))
        .where(_matches(query))
        .group_by(FileWordsRow.track_id, FileWordsRow.sort_key)
    )


def count_matches(query: TextQuery) -> Select[int]:
    """Select the number of tracks that `ranked` selects."""
    return select(func.count(FileWordsRow.track_id.distinct())).where(_matches(query))


def _matches(query: TextQuery) -> ColumnElement[bool]:
    return and_(_has(query.parts), words_are_present())


def _has(tsquery: str) -> ColumnElement[bool]:
    return FileWordsRow.words.bool_op("@@")(cast(tsquery, TSQUERY))


def _of_same_name(text: str) -> Select[str]:
    """Select the tracks whose title, or `Artist - Title`, is the text, folded."""
    return select(TrackRow.id).where(has_name(name_term("title", text), name_term("name", text)))


def _is_exact(text: str) -> ColumnElement[bool]:
    """Condition: the text is to the letter the track's name or title, or the file's path."""
    written = sorted(spellings(text))
    named = or_(
        TrackRow.title.in_(written),
        func.concat(TrackRow.artist, " - ", TrackRow.title).in_(written),
    )
    digests = [hashlib.sha256(path.encode()).digest() for path in written]
    at_path = (
        select(FileRow.id)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(func.sha256(FileRow.path).in_(digests))
    )
    return or_(
        FileWordsRow.track_id.in_(_of_same_name(text).where(named)),
        FileWordsRow.file_id.in_(at_path),
    )
