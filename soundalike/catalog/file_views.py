"""Files as users see them: the file that a track is shown by, and all that hold a track."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.sql.selectable import LateralFromClause

from soundalike.catalog.presence import is_present
from soundalike.catalog.tables import FileRow, RootRow, TrackRow
from soundalike.display_text import shown


@dataclass(frozen=True)
class FileView:
    """A file: its root's name, and its path below the root as it is shown, and exact, as bytes.

    `place` is the root's folder or URL, which is not for everyone to see.
    """

    root: str
    path: str
    exact: bytes
    place: bytes

    @property
    def absolute(self) -> str:
        """The file's absolute path or URL, as it is shown."""
        return shown(self.place.rstrip(b"/") + b"/" + self.exact)


_COLUMNS: tuple[Any, ...] = FileRow.shown, FileRow.path, RootRow.name, RootRow.location
_OLDEST_LISTED = FileRow.gone_at.is_not(None), FileRow.id


def first_file() -> LateralFromClause:
    """Select the oldest listed file of each TrackRow, for an outer join; `view_of` converts it."""
    files = _present().where(FileRow.track_id == TrackRow.id).order_by(*_OLDEST_LISTED)
    return files.limit(1).correlate(TrackRow).lateral("file")


def all_files(track_id: str) -> Select[Any]:
    """Select the present files of a track, in the order in which the first one is chosen."""
    return _present().where(FileRow.track_id == track_id).order_by(*_OLDEST_LISTED)


def view_of(path: str | None, exact: bytes, root: str, place: bytes) -> FileView | None:
    """Convert a row of these columns; None for a track that has no file."""
    return None if path is None else FileView(root, path, exact, place)


def _present() -> Select[Any]:
    return select(*_COLUMNS).join(RootRow, RootRow.id == FileRow.root_id).where(is_present())
