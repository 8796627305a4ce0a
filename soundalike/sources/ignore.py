"""Rules for the files to take: extensions, hidden names, and `.soundalikeignore` in any folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from pathspec import GitIgnoreSpec

from soundalike.settings import MUSIC_EXTENSIONS
from soundalike.sources.entry import LeftOut

IGNORE_FILE = b".soundalikeignore"
# Folders in which systems keep what was deleted, and thumbnails and copies of their own.
BINS = frozenset(
    (
        *("$recycle.bin", "recycle.bin", "recycler", "recycled", "#recycle", "@recycle"),
        *("@eadir", "@__thumb", "#snapshot", "@recently-snapshot", "@tmp", "#tmp", "__macosx"),
        *("_recycle", "recycle bin", "lost+found"),
        *("system volume information", "network trash folder", "temporary items"),
    )
)


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of a tree that hold in one of its folders.

    `specs` are the ignore files of this folder and of those above it, each with its folder's path;
    the innermost that matches a path decides, as in git.
    """

    extensions: frozenset[str] = MUSIC_EXTENSIONS
    specs: tuple[tuple[bytes, GitIgnoreSpec], ...] = ()

    def within(self, folder: bytes, ignore: bytes) -> tuple["IgnoreRules", list[str]]:
        """Return the rules in a folder with this ignore file, and the errors in the file."""
        lines, errors = [], []
        for number, line in enumerate(_lines(ignore), 1):
            try:
                GitIgnoreSpec.from_lines([line])
            except ValueError:
                errors.append(f"line {number} is not a pattern and is skipped: {line!r}")
            else:
                lines.append(line)
        spec = GitIgnoreSpec.from_lines(lines)
        return replace(self, specs=(*self.specs, (folder, spec))), errors

    def is_music(self, name: bytes) -> bool:
        """Return whether a file of this name is music, by its extension."""
        stem, _, extension = name.rpartition(b".")
        return bool(stem) and _is_one_of(extension, self.extensions)

    def left_out(self, folder: bytes, name: bytes, *, is_folder: bool) -> LeftOut | None:
        """Return the rule that leaves this file or folder of `folder` out; None if it is taken.

        A hidden one, or a bin, is taken if an ignore file takes it back by its name: `!/.hack/`.
        """
        excluded, pattern = False, ""
        if self.specs:
            excluded, pattern = self._matching(folder + name + b"/" * is_folder)
        if excluded:
            return LeftOut.IGNORED
        if not pattern or os.fsdecode(name) not in pattern or is_apple_double(name):
            if is_hidden(name):
                return LeftOut.HIDDEN
            if is_folder and is_bin(name):
                return LeftOut.BIN
        if is_folder or self.is_music(name):
            return None
        return LeftOut.SHEET if name.lower().endswith(b".cue") else LeftOut.EXTENSION

    def _matching(self, path: bytes) -> tuple[bool, str]:
        """Return whether ignore files exclude the path, and the pattern that decides, or ""."""
        for folder, spec in reversed(self.specs):
            found = spec.check_file(os.fsdecode(path.removeprefix(folder)))
            if found.include is not None and found.index is not None:
                return found.include, str(spec.patterns[found.index].pattern)
        return False, ""


def is_hidden(name: bytes) -> bool:
    """Return whether the name is a hidden one: a dot and a letter, or a Mac's `._track.mp3`.

    Two or more dots, or a digit, begin titles of records.
    """
    if not name.startswith(b"."):
        return False
    first = os.fsdecode(name)[1:2]
    return first.isalpha() or first == "_"


def is_apple_double(name: bytes) -> bool:
    """Return whether macOS left the file beside another on a foreign disk; it is never audio."""
    return name.startswith(b"._")


def is_bin(name: bytes) -> bool:
    """Return whether a folder of this name holds deleted files, or a system's own."""
    return os.fsdecode(name).lower() in BINS


@lru_cache(maxsize=256)
def _is_one_of(extension: bytes, extensions: frozenset[str]) -> bool:
    return os.fsdecode(extension).lower() in extensions


def _lines(ignore: bytes) -> Iterator[str]:
    # fsdecode, as for paths: a pattern may have to match a name that is not UTF-8.
    return iter(os.fsdecode(ignore.removeprefix(b"\xef\xbb\xbf")).splitlines())
