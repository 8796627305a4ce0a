"""Registration of music roots."""

from collections.abc import Iterable
from itertools import islice

from soundalike.catalog import library
from soundalike.catalog.engine import Sessions
from soundalike.errors import LibraryError
from soundalike.sources.entry import EntryKind
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot

MAX_LISTED = 10_000  # entries listed to decide whether a root holds music at all


def register_roots(sessions: Sessions, names: Iterable[str]) -> None:
    """Add folders or buckets to the library; skip those inside a known root.

    Raises LibraryError for a path that does not exist, is not a folder, or holds a known root.
    """
    for root in map(MusicRoot.named, names):
        with sessions.begin() as session:
            known = [MusicRoot(row.location) for row in library.roots(session)]
            if any(root.is_within(other) for other in known):
                continue
            root.require()
            inside = [other for other in known if other.is_within(root)]
            if inside:
                raise LibraryError(
                    f"{root.shown} holds {inside[0].shown}, which is a music root already; "
                    "its tracks would be listed twice. Use another data root (SOUNDALIKE_DATA)."
                )
            library.add_root(session, root.location)


def register_configured(sessions: Sessions, names: Iterable[str]) -> list[str]:
    """Add each root as `register_roots` does; one that fails does not stop the others.

    Returns the messages of those that could not be added.
    """
    problems = []
    for name in names:
        try:
            register_roots(sessions, [name])
        except LibraryError as error:
            problems.append(str(error))
    return problems


def require_music(names: Iterable[str], extensions: frozenset[str]) -> None:
    """Raise LibraryError for a root without music, so that a wrong path is noticed at once."""
    for root in map(MusicRoot.named, names):
        root.require()
        others = 0
        for entry in islice(root.entries(IgnoreRules(extensions), settle_seconds=0), MAX_LISTED):
            if entry.kind in (EntryKind.MUSIC, EntryKind.CHANGING):
                break
            if not entry.path:
                raise LibraryError(f"{root.shown} cannot be listed: {entry.reason}")
            others += not entry.path.endswith(b"/")
        else:
            if others < MAX_LISTED:
                content = f"{others} other files" if others else "it is empty"
                raise LibraryError(
                    f"{root.shown} holds no music ({content}); music is recognised by the file's "
                    "extension (SOUNDALIKE_EXTENSIONS): mp3, flac, ogg, opus, m4a, wav, aiff, wma "
                    "and others"
                )
