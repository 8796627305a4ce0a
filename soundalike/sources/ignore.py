"""Rules for the files to take: extensions, and `.soundalikeignore` in any folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pathspec import GitIgnoreSpec

from soundalike.settings import MUSIC_EXTENSIONS

IGNORE_FILE = b".soundalikeignore"


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
        stem, dot, extension = name.rpartition(b".")
        return bool(dot and stem) and os.fsdecode(extension).lower() in self.extensions

    def ignores(self, path: bytes) -> bool:
        """Return whether an ignore file excludes this file, or folder (ending with a slash)."""
        for folder, spec in reversed(self.specs):
            verdict = spec.check_file(os.fsdecode(path.removeprefix(folder))).include
            if verdict is not None:
                return verdict
        return False


def _lines(ignore: bytes) -> Iterator[str]:
    # fsdecode, as for paths: a pattern may have to match a name that is not UTF-8.
    return iter(os.fsdecode(ignore.removeprefix(b"\xef\xbb\xbf")).splitlines())
