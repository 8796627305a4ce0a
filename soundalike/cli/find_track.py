"""The track that a person names on the command line: by its id, its file, or words."""

# ruff: noqa: PTH100, PTH111, PTH113, PTH118 - os.path takes any text, pathlib refuses some (`~nobody`, 5000 letters)
import os
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from soundalike.catalog import suggestions, track_lists, tracks
from soundalike.catalog.folding import spellings
from soundalike.catalog.roots import roots
from soundalike.catalog.text_search import TextQuery
from soundalike.catalog.tracks import TrackView
from soundalike.cli.library import nothing_ingested
from soundalike.display_text import shown
from soundalike.errors import LibraryError, NothingIngested
from soundalike.settings import Settings
from soundalike.terminal import counted, safe

SHOWN_OTHERS = 5


def find_track(session: Session, text: str, settings: Settings) -> TrackView:
    """Return the track with this id or file, else the best match of the words.

    Other matches are listed on standard error. Raises LibraryError if there is no match, with names
    that are nearly the same, and NothingIngested if there are no tracks at all.
    """
    if not (tracks_there := session.scalar(*track_lists.count(""))):
        raise NothingIngested(nothing_ingested(settings))
    named = session.execute(tracks.by_ids([text])).first() or _of_file(session, text)
    if named:
        return tracks.view(named)
    query = TextQuery.of(text)
    rows = (
        session.execute(*track_lists.page(text, 1 + SHOWN_OTHERS, None)).all()
        if query.words
        else []
    )
    if not rows:
        raise LibraryError(
            f"no track matches {shown(text)!r}, of {counted(tracks_there, 'track')} in "
            f"{settings.data}; {_near(session, query)}"
            "`soundalike ingest FOLDER` adds music, SOUNDALIKE_DATA names another library"
        )
    best, *others = map(tracks.view, rows)
    if others:
        _list_others(text, best, others, session.scalar(*track_lists.count(text)) or 0)
    return best


def _of_file(session: Session, text: str) -> Row[Any] | None:
    """Return the row of the track at this path: absolute, in the current folder, or in a root.

    Raises LibraryError for a file that is there and no track of the library.
    """
    found = session.execute(tracks.at_paths(_places(session, text))).first()
    if not found and os.sep in text and os.path.isfile(os.path.expanduser(text)):
        raise LibraryError(
            f"{shown(text)} is not in the library: `soundalike failures` lists files that failed, "
            "`soundalike ingest FOLDER` adds music"
        )
    return found


def _places(session: Session, text: str) -> Iterator[tuple[int, bytes]]:
    """Yield root and relative path of each file that the text may mean; links are followed."""
    path = os.path.abspath(os.path.expanduser(text))
    folder, name = os.path.split(path)
    names = {text, path, os.path.join(os.path.realpath(folder), name), os.path.realpath(path)}
    for root in roots(session):
        location = os.fsdecode(root.location).rstrip("/") + "/"
        inside = [path.removeprefix(location) for path in names if path.startswith(location)]
        for relative in (text, *inside):
            for spelling in spellings(relative):
                yield root.id, os.fsencode(spelling)


def _near(session: Session, query: TextQuery) -> str:
    """Return the question for the names that are nearly those of the query, or nothing."""
    if not query.words:
        return ""
    names = suggestions.closest(query, session.execute(suggestions.candidates(query)).all())
    return f"did you mean {' or '.join(map(repr, names))}? " if names else ""


def _list_others(text: str, best: TrackView, others: list[TrackView], total: int) -> None:
    """Say which track is meant, and which other ones match."""
    rest = total - 1 - len(others)
    names = [other.name for other in others] + ([f"{rest} more"] if rest else [])
    note = (
        f"{counted(total, 'track')} match {text!r}; this is {best.name} ({best.path or best.id}); "
        f"also: {', '.join(names)}"
    )
    Console(stderr=True).print(f"[dim]{safe(note)}[/dim]")
