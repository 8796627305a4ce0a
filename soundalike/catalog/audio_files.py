"""The files that a track can be played from, by the catalog alone: no path comes from a client."""

import os
from dataclasses import dataclass
from io import BufferedReader
from pathlib import PurePosixPath

from sqlalchemy import Select, select

from soundalike.catalog.presence import is_present
from soundalike.catalog.tables import FileRow, RootRow
from soundalike.sources.roots import MusicRoot
from soundalike.storage.private_copy import ChangedFile, open_regular


@dataclass(frozen=True)
class AudioFile:
    """A file as the last scan saw it: `place` is its root's folder or URL, `path` is below that."""

    place: bytes
    path: bytes
    size: int
    mtime_ns: int

    @property
    def extension(self) -> str:
        """The extension in small letters, without its dot."""
        return PurePosixPath(os.fsdecode(self.path)).suffix[1:].lower()

    def opened(self) -> BufferedReader | None:
        """Open the file on this machine; None if it cannot be played.

        It must be the very file that was read: one that was changed or replaced since, perhaps by a
        link to something else, waits for the next scan. Files of buckets are not here.
        """
        root = MusicRoot(self.place)
        if root.is_bucket:
            return None
        try:
            file = open_regular(root.folder / os.fsdecode(self.path))
        except (OSError, ChangedFile):
            return None
        state = os.fstat(file.fileno())
        if (state.st_size, state.st_mtime_ns) == (self.size, self.mtime_ns):
            return file
        file.close()
        return None


def audio_files(track_id: str) -> Select[bytes, bytes, int, int]:
    """Select AudioFile's columns of a track's present files, the one that it is shown by first."""
    return (
        select(RootRow.location, FileRow.path, FileRow.size, FileRow.mtime_ns)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(FileRow.track_id == track_id, is_present())
        .order_by(FileRow.gone_at.is_not(None), FileRow.id)
    )
