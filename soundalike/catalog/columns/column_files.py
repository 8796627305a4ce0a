"""The file of columns: written by whichever worker has newer ones, mapped by all.

It is a cache: who finds none reads the catalog, and writes one for the next.
"""

import os
import weakref
from pathlib import Path

import msgspec
import pyarrow as pa

from soundalike.catalog.columns.changes import Moment
from soundalike.catalog.columns.table import TrackColumns
from soundalike.storage.atomic import atomic_file, sha256_of
from soundalike.storage.locks import exclusive
from soundalike.storage.private_copy import ChangedFile, open_private

FORMAT = 2  # of the columns and of what is in them; files of another one are not read
COLUMNS, ABOUT, LOCK = "columns.arrow", "columns.json", "lock"


class _About(msgspec.Struct, frozen=True):
    """The text beside the columns: when they were true, and their file's bytes."""

    format: int
    moment: Moment
    sha256: str
    size: int


def write_columns(folder: Path, columns: TrackColumns, moment: Moment) -> None:
    """Write the columns as of a moment, unless there are newer ones. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / LOCK):
        if (there := _about(folder)) and there.moment.is_after(moment):
            return
        with atomic_file(folder / COLUMNS) as temporary:
            with pa.OSFile(str(temporary), "wb") as file:
                writer = pa.ipc.new_file(file, columns.table.schema)
                writer.write_table(columns.table)
                writer.close()
            about = _About(FORMAT, moment, sha256_of(temporary), temporary.stat().st_size)
        with atomic_file(folder / ABOUT) as temporary:
            temporary.write_bytes(msgspec.json.encode(about))


def newest_moment(folder: Path) -> Moment | None:
    """Return the moment of the columns that are there; None if there are none."""
    about = _about(folder)
    return about.moment if about else None


def open_columns(folder: Path) -> tuple[TrackColumns, Moment] | None:
    """Map a private copy of the columns that are there; None if there are none, or damaged ones.

    Raises OSError, and StorageError without room for the copy.
    """
    if not folder.is_dir():
        return None
    with exclusive(folder / LOCK):
        about = _about(folder)
        if about is None:
            return None
        try:
            file = open_private(folder / COLUMNS, about.sha256, about.size)
        except (ChangedFile, FileNotFoundError):
            return None
    with file:
        mapped = pa.memory_map(f"/dev/fd/{file.fileno()}")
        columns = TrackColumns(pa.ipc.open_file(mapped).read_all())
        # Kept open for as long as the columns, so that other workers find the copy.
        weakref.finalize(columns, os.close, os.dup(file.fileno()))
    return columns, about.moment


def _about(folder: Path) -> _About | None:
    try:
        about = msgspec.json.decode((folder / ABOUT).read_bytes(), type=_About)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return about if about.format == FORMAT else None
