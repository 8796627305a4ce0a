"""A small disk of the campaign's own: a tmpfs in a mount namespace, which ends with its processes.

Root makes the namespace directly; another user in a user namespace, where the kernel allows that.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BYTES = 1200 * 2**20  # a private PostgreSQL, its WAL, and a small library
BLOCK = 2**20
MOUNT = 'mount -t tmpfs -o size={bytes},mode=0755 chaos "$0" && exec "$@"'
LEFT_BYTES = 64 * 1024  # of a full disk


def on_a_disk(folder: Path, command: list[str]) -> list[str] | None:
    """The command, run where `folder` is a small disk; None if this system does not allow it."""
    mounted = ["sh", "-c", MOUNT.format(bytes=BYTES), str(folder)]
    if os.geteuid() == 0:
        inside = ["unshare", "--mount", *mounted]
    else:  # it mounts as root of its own user namespace, and is itself again below
        user = [f"--map-user={os.getuid()}", f"--map-group={os.getgid()}"]
        inside = ["unshare", "--user", "--map-root-user", "--mount", *mounted]
        inside += ["unshare", "--user", *user]
    try:
        subprocess.run([*inside, "true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return [*inside, *command]


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the folder's disk with one file, and delete it."""
    balloon = folder / "balloon"
    try:
        with balloon.open("wb", buffering=0) as file:
            for size in (BLOCK, LEFT_BYTES):
                fill(file.fileno(), size)
        yield
    finally:
        balloon.unlink(missing_ok=True)


def fill(file: int, size: int) -> None:
    """Write blocks of so many bytes until none fits."""
    try:
        while os.write(file, bytes(size)) == size:
            pass
    except OSError:
        return


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount the folder over itself, read-only; files that are open already are not touched."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
