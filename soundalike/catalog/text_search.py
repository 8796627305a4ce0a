"""Text search: the tracks that a person's words find, the best ones first.

The same for the API and the command line; `search_words` says what is stored.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    and_,
    any_,
    bindparam,
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
    def parameters(self) -> dict[str, Any]:
        """The values of the parameters of `ranked` and `count_matches`."""
        if not self.words:
            return {}
        written = sorted(spellings(self.text))
        return {
            "parts": " & ".join(f"{quoted(word)}{_prefix(word)}" for word in self.words),
            "whole_words": " & ".join(f"{quoted(word)}:A" for word in self.words),
            "phrase": " <-> ".join(f"{quoted(word)}:A" for word in self.words),
            "names": [name_term("title", self.text), name_term("name", self.text)],
            "written": written,
            "digests": [hashlib.sha256(text.encode()).digest() for text in written],
        }


def _prefix(word: str) -> str:
    """Return the mark of a word that is found by its beginning; single letters are whole words."""
    return ":*" if len(word) > 1 or is_dense(word) else ""


def ranked() -> Select[str, str, int]:
    """Select id, sort key and rank of the tracks with a file that match, in no order.

    It takes the parameters of a TextQuery, so that it is built once: that takes longer than to run.
    """
    rank = case(
        (_is_exact(), EXACT),
        (FileWordsRow.track_id.in_(_of_same_name()), SAME_NAME),
        (_has("phrase"), PHRASE),
        (_has("whole_words"), WHOLE_WORDS),
        else_=PARTS,
    )
    return (
        select(FileWordsRow.track_id, FileWordsRow.sort_key, func.min(rank).label("rank"))
        .where(_matches())
        .group_by(FileWordsRow.track_id, FileWordsRow.sort_key)
    )


def count_matches() -> Select[int]:
    """Select the number of tracks that `ranked` selects; it takes the same parameters."""
    return select(func.count(FileWordsRow.track_id.distinct())).where(_matches())


def _matches() -> ColumnElement[bool]:
    """Condition: each word of the query is one of the file's or a part of one, and it is there."""
    return and_(_has("parts"), words_are_present())


def _has(parameter: str) -> ColumnElement[bool]:
    return FileWordsRow.words.bool_op("@@")(cast(bindparam(parameter, type_=Text), TSQUERY))


def _of_same_name() -> Select[str]:
    """Select the tracks whose title or full name is the query, folded."""
    return select(TrackRow.id).where(has_name(bindparam("names", type_=ARRAY(Text))))


def _is_exact() -> ColumnElement[bool]:
    """Condition: the query is to the letter the track's title or full name, or the file's path."""
    written = any_(bindparam("written", type_=ARRAY(Text)))
    full_name = func.concat(TrackRow.artist, " - ", TrackRow.title)
    named = _of_same_name().where(or_(TrackRow.title == written, full_name == written))
    at_path = (
        select(FileRow.id)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(func.sha256(FileRow.path) == any_(bindparam("digests", type_=ARRAY(LargeBinary))))
    )
    return or_(FileWordsRow.track_id.in_(named), FileWordsRow.file_id.in_(at_path))
