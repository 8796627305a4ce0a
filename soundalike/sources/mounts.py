"""Mounts: whether the operating system reports every change below a folder.

A file system that other machines write to reports only what this machine does.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil

REMOTE = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "ncpfs"),
        *("9p", "afs", "ceph", "coda", "glusterfs", "lustre", "ocfs2", "gfs2", "beegfs"),
        *("virtiofs", "vboxsf", "vmhgfs", "prl_fs"),  # folders that a virtual machine's host shares
    )
)


class Mount(Protocol):
    """A mounted file system, as psutil describes it."""

    @property
    def mountpoint(self) -> str:
        """The folder at which it is mounted."""

    @property
    def fstype(self) -> str:
        """The kind of file system."""


def unreported(folder: Path) -> str:
    """Return why changes below the folder are not all reported, or "" if they are.

    The folder is not looked at, as a mount whose server is gone does not answer.
    """
    mount = mount_of(folder, psutil.disk_partitions(all=True))
    kind = mount.fstype if mount else ""
    if mount and (kind in REMOTE or kind.startswith("fuse.")):  # fuseblk is a local disk
        return f"is on a network or FUSE mount ({kind} at {mount.mountpoint})"
    return ""


def mount_of(folder: Path, mounts: Iterable[Mount]) -> Mount | None:
    """Return the mount that holds the folder: the innermost one, of several at a place the last."""
    around = [mount for mount in mounts if folder.is_relative_to(mount.mountpoint)]
    return max(reversed(around), key=lambda mount: len(Path(mount.mountpoint).parts), default=None)
