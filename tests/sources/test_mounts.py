"""Folders whose changes are not all reported must be recognised by their mount, not looked at."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from soundalike.sources.mounts import mount_of, unreported


@dataclass(frozen=True)
class Mounted:
    mountpoint: str
    fstype: str


NAS = [
    Mounted("/", "ext4"),
    Mounted("/mnt/nas", "nfs4"),
    Mounted("/mnt/nas/fast", "ext4"),
    Mounted("/mnt/nas2", "cifs"),
    Mounted("/media/usb", "fuseblk"),
    Mounted("/media/usb", "fuse.sshfs"),
]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/ann/Music", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/Music", "nfs4"),
        ("/mnt/nas/fast/Music", "ext4"),
        ("/mnt/nas2/Music", "cifs"),
        ("/mnt/nas3", "ext4"),
        ("/media/usb/Music", "fuse.sshfs"),
    ],
)
def test_the_innermost_mount_counts_and_the_last_of_two_at_one_place(
    folder: str, kind: str
) -> None:
    mount = mount_of(Path(folder), NAS)
    assert mount is not None
    assert mount.fstype == kind


def test_no_mount_at_all_is_no_error() -> None:
    assert mount_of(Path("/music"), []) is None


def test_a_folder_of_this_machine_is_reported_on_and_need_not_exist(tmp_path: Path) -> None:
    assert unreported(tmp_path) == ""
    assert unreported(tmp_path / "gone") == ""


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("/home/ann/Music", ""),
        ("/mnt/nas", "is on a network or FUSE mount (nfs4 at /mnt/nas)"),
        ("/mnt/nas/fast", ""),
        ("/media/usb", "is on a network or FUSE mount (fuse.sshfs at /media/usb)"),
        ("/media/windows", ""),
    ],
)
def test_network_and_fuse_mounts_are_told_from_disks_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, folder: str, told: str
) -> None:
    disks = [*NAS, Mounted("/media/windows", "fuseblk")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: disks)
    assert unreported(Path(folder)) == told
