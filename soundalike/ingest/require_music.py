"""A first look at a folder that a person named: a wrong path is noticed at once."""

from collections.abc import Iterable
from itertools import islice

from soundalike.errors import LibraryError
from soundalike.sources.entry import EntryKind
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot

MAX_LISTED = 10_000  # entries listed to decide whether a root holds music at all


def require_music(names: Iterable[str], extensions: frozenset[str]) -> None:
    """Require that each root holds music. Raises LibraryError for one that does not."""
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
