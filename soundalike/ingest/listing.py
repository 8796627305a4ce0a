"""Listing a music root: which files there are, which are music, and what could not be looked at."""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from soundalike.catalog.library import FoundFile, shown

MUSIC_EXTENSIONS = frozenset(
    f".{extension}"
    for extension in (
        *("mp3", "mp2", "aac", "m4a", "m4b", "mp4", "alac", "flac", "ogg", "oga", "opus", "spx"),
        *("wma", "asf", "wav", "wave", "w64", "aif", "aiff", "aifc", "caf", "au", "snd", "mka"),
        *("ape", "wv", "mpc", "mp+", "tta", "tak", "shn", "dsf", "dff", "ac3", "dts", "webm"),
    )
)


@dataclass
class Listing:
    """What a walk over one root saw. `problems` are places that could not be looked at."""

    music: list[FoundFile] = field(default_factory=list)
    changing: list[FoundFile] = field(default_factory=list)
    other_files: int = 0
    problems: list[str] = field(default_factory=list)


def list_root(root: Path, settle_seconds: float) -> Listing:
    """Walk `root`. A file touched less than `settle_seconds` ago is `changing`, not yet `music`.

    Links to folders are not followed. Hidden files and folders are left out, as macOS leaves
    `._track.mp3` beside each track on foreign disks. Never raises for what it finds.
    """
    listing = Listing()
    settled = time.time_ns() - int(settle_seconds * 1e9)
    for path in _walk(root, listing):
        if path.suffix.lower() not in MUSIC_EXTENSIONS:
            listing.other_files += 1
            continue
        try:
            state = path.stat()
        except FileNotFoundError:  # a link to nowhere, or gone since it was listed
            continue
        except OSError as error:
            listing.problems.append(f"{shown(path)}: {error.strerror}")
            continue
        if not stat.S_ISREG(state.st_mode):
            continue
        found = FoundFile(os.fsencode(path.relative_to(root)), state.st_size, state.st_mtime_ns)
        # A time stamp in the future is a wrong clock, not a file being written.
        changing = settled < state.st_mtime_ns <= time.time_ns()
        (listing.changing if changing else listing.music).append(found)
    return listing


def _walk(root: Path, listing: Listing) -> Iterator[Path]:
    """What is no folder below `root`, sorted folder by folder. Names keep their exact bytes."""

    def cannot_list(error: OSError) -> None:
        listing.problems.append(f"{shown(error.filename)}: {error.strerror}")

    for folder, subfolders, names in os.walk(root, onerror=cannot_list):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
