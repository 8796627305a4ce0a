"""A music root by its location: a folder's absolute path, or a bucket's URL."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePath

from soundalike.display_text import shown
from soundalike.errors import LibraryError
from soundalike.sources.bucket import SCHEMES, BucketTree
from soundalike.sources.entry import Entry
from soundalike.sources.folder import FolderTree
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.walk import walk


@dataclass(frozen=True)
class MusicRoot:
    """A folder or bucket of music. `location` is exact, as bytes, as the catalog keeps it."""

    location: bytes

    @classmethod
    def named(cls, name: str) -> "MusicRoot":
        """The root that `name` refers to, with an absolute location; it need not exist.

        Raises LibraryError for a name that is neither a possible path nor a URL of SCHEMES.
        """
        if "://" in name:
            if not name.startswith(SCHEMES):
                raise LibraryError(
                    f"{shown(name)}: only folders and {', '.join(SCHEMES)} buckets can be read"
                )
            return cls(os.fsencode(name.rstrip("/")))
        try:
            return cls(os.fsencode(Path(name).expanduser().resolve()))
        except (OSError, RuntimeError, ValueError) as error:  # an unknown ~user; a NUL
            raise LibraryError(f"{shown(name)} cannot be a path ({error})") from error

    @property
    def shown(self) -> str:
        """The location as text, for messages."""
        return shown(self.location)

    @property
    def folder(self) -> Path:
        """The folder, if it is one."""
        return Path(os.fsdecode(self.location))

    def is_within(self, other: "MusicRoot") -> bool:
        """Return whether everything in it is in the other one too."""
        return PurePath(os.fsdecode(self.location)).is_relative_to(os.fsdecode(other.location))

    def relative_to(self, other: "MusicRoot") -> bytes:
        """Return its path within the other root, in which it must be; empty if it is the same."""
        path = PurePath(os.fsdecode(self.location)).relative_to(os.fsdecode(other.location))
        return os.fsencode(path) if path.parts else b""

    def require(self) -> None:
        """Require that the folder exists; a bucket is checked when it is listed.

        Raises LibraryError if it does not.
        """
        if self.is_bucket:
            return
        if not self.folder.is_dir():
            problem = "is not a folder" if self.folder.exists() else "does not exist"
            raise LibraryError(f"{self.shown} {problem}; name the folder that holds your music")

    def entries(
        self, rules: IgnoreRules, settle_seconds: float, within: bytes = b""
    ) -> Iterator[Entry]:
        """List the root, or what is `within` one of its folders; see `walk`.

        Raises LinkedPartError if only the whole root can be listed.
        """
        return walk(self._tree(within), rules, settle_seconds, within)

    def local_copy(self, path: bytes, scratch: Path) -> AbstractContextManager[Path]:
        """The file at this relative path as a local file, for as long as the block lasts.

        Raises AudioError if a bucket fails to provide it.
        """
        return self._tree().local_copy(path, scratch)

    @property
    def is_bucket(self) -> bool:
        """True for a bucket, False for a folder."""
        return os.fsdecode(self.location).startswith(SCHEMES)

    def _tree(self, within: bytes = b"") -> FolderTree | BucketTree:
        if self.is_bucket:
            return BucketTree(os.fsdecode(self.location))
        return FolderTree(self.location, within)
