"""Stored words: what of tracks and their files is folded and indexed, for `text_search`.

`tracks.names` holds whole names with their field (`artist=perez prado`), which are compared for
equality. `file_words` holds the words of a file's path and of its track's metadata as a tsvector,
in which a word is found by any part of it that has three letters, and a CJK word by any character.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    any_,
    delete,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from soundalike.catalog.folding import MAX_CHARACTERS, fold, fold_words, variants
from soundalike.catalog.tables import FileRow, FileWordsRow, TrackRow

_DESCRIBED: tuple[Any, ...] = (
    *(TrackRow.id, TrackRow.title, TrackRow.artist, TrackRow.album, TrackRow.genre),
    *(TrackRow.artists, TrackRow.genres, TrackRow.sort_key, TrackRow.names),
)
Field = Literal["title", "name", "artist", "album", "genre"]

FILTERED_FIELDS = "artist=", "album=", "genre="  # the beginnings of terms that filters ask for
MAX_NAME = 300  # characters of a name that are compared; a GIN key has at most 2.7 kB
MAX_LEXEME = 32  # characters of a word that are compared
MIN_PART = 3  # letters; a shorter part from the middle of a word does not find it
_WITHOUT_SPACES = re.compile(  # Thai, Lao, Burmese, Khmer, kana, Han, Hangul
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def full_name(artist: str | None, title: str) -> str:
    """Return the name under which a track is printed."""
    return f"{artist} - {title}" if artist else title


def name_term(field: Field, name: str) -> str:
    """Return the term of `tracks.names` that a track with this name in this field has."""
    return f"{field}={fold(name)}"[:MAX_NAME]


def name_terms(
    title: str,
    artist: str | None,
    album: str | None,
    genre: str | None,
    artists: Sequence[str] = (),
    genres: Sequence[str] = (),
) -> list[str]:
    """Return a track's terms, each once: `name` is its full name; each artist and genre has one."""
    named: list[tuple[Field, str | None]] = [
        ("title", title),
        ("name", full_name(artist, title)),
        ("artist", artist),
        ("album", album),
        ("genre", genre),
        *(("artist", one) for one in artists),
        *(("genre", one) for one in genres),
    ]
    terms = (name_term(field, name) for field, name in named if name and fold(name))
    return list(dict.fromkeys(terms))


def has_name(terms: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition on TrackRow: it has one of these terms, an array of text."""
    return TrackRow.names.bool_op("&&")(terms)


def tsvector(path: str, album: str | None, artist: str | None, title: str) -> str:
    """Return the words of a file as the text of a tsvector.

    Whole words have their positions, with weight A, so that phrases can be found, and a gap between
    texts that are not printed together. Parts and variants of words have position 1 and no weight.
    """
    places: dict[str, list[str]] = {}
    last = 1
    folders = path[-MAX_CHARACTERS:].replace("/", " ")
    for together in ((folders,), (album or "",), (artist or "", title)):
        words = [word for text in together for word in fold_words(text)]
        for position, word in enumerate(words, last + 2):
            places.setdefault(word[:MAX_LEXEME], []).append(f"{position}A")
        for part in chain(*map(variants, together), *map(_parts, words)):
            places.setdefault(part[:MAX_LEXEME], []).append("1")
        last += 1 + len(words)
    return " ".join(f"{quoted(word)}:{','.join(where)}" for word, where in places.items())


def quoted(word: str) -> str:
    """Return the word as a lexeme of a tsvector or tsquery, cut to the length that is compared."""
    escaped = word[:MAX_LEXEME].replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def is_dense(word: str) -> bool:
    """Return whether a single character of the word says much: its script writes no spaces."""
    return bool(_WITHOUT_SPACES.match(word))


def _parts(word: str) -> Iterable[str]:
    """Yield the ends of the word: a part of it is the beginning of one of them."""
    for start in range(1, len(word)):
        if len(word) - start >= MIN_PART or is_dense(word[start]):
            yield word[start:]


def record_words(session: Session, track_ids: Collection[str]) -> None:
    """Record the names and words of these tracks and of all their files, from the catalog's rows.

    Call it after any change of a title, an artist, an album, a genre or a path.
    """
    wanted = TrackRow.id == any_(literal(sorted(track_ids), ARRAY(Text)))
    # Locked, so that another transaction's new title is waited for, and not overwritten.
    statement = select(*_DESCRIBED).where(wanted).order_by(TrackRow.id)
    rows = session.execute(statement.with_for_update(key_share=True))
    tracks = {row.id: row for row in rows}
    named = {
        id_: name_terms(
            track.title, track.artist, track.album, track.genre, track.artists, track.genres
        )
        for id_, track in tracks.items()
    }
    renamed = [
        {"id": id_, "names": named[id_]} for id_ in sorted(named) if named[id_] != tracks[id_].names
    ]
    if renamed:
        session.execute(update(TrackRow), renamed)
    files = select(FileRow.id, FileRow.shown, TrackRow.id).join(FileRow).where(wanted)
    words = [
        _row(file_id, shown, tracks[track_id])
        for file_id, shown, track_id in session.execute(files.order_by(FileRow.id))
    ]
    if words:
        _upsert(session, words)


def forget_words(session: Session, file_ids: Collection[int]) -> None:
    """Remove the words of files that hold no track."""
    session.execute(delete(FileWordsRow).where(FileWordsRow.file_id.in_(file_ids)))


def _row(file_id: int, shown: str, track: Row[Any]) -> dict[str, Any]:
    words = tsvector(shown, track.album, track.artist, track.title)
    return {"file_id": file_id, "track_id": track.id, "sort_key": track.sort_key, "words": words}


def _upsert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Insert or update; rows that stay as they are are not written again."""
    statement = insert(FileWordsRow)
    new, old = statement.excluded, FileWordsRow
    changed = tuple_(old.track_id, old.sort_key, old.words).is_distinct_from(
        tuple_(new.track_id, new.sort_key, new.words)
    )
    columns = {name: new[name] for name in ("track_id", "sort_key", "words")}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[FileWordsRow.file_id], set_=columns, where=changed
        ),
        rows,
    )
