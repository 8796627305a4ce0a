"""Damage to files of the data root, some of which are read-only to keep programs from doing it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss

from soundalike.storage.atomic import sha256_of
from soundalike.storage.bucket import Bucket
from soundalike.vectors import artifact_files
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.index_files import read_manifest, segments_of
from soundalike.vectors.segment_files import read_segment


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """The folder and its files may be written in the block, as by their owner's `chmod`."""
    paths = [folder, *(path for path in folder.iterdir() if not path.is_symlink())]
    kept = {path: path.stat().st_mode for path in paths}
    for path in kept:
        path.chmod(0o755)
    try:
        yield
    finally:
        for path, mode in reversed(kept.items()):
            if path == folder or path.is_file():
                path.chmod(mode)


def overwrite(path: Path, content: bytes) -> None:
    """Other bytes in the same file, as `dd conv=notrunc` or a program with a bug would."""
    with writable(path.parent):
        if path.exists():
            with path.open("r+b") as file:
                file.write(content)
                file.truncate()
        else:
            path.write_bytes(content)


def flip_a_bit(path: Path) -> None:
    """One bit in the middle is another, and the time says nothing of it."""
    about, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def randomise(path: Path) -> None:
    """Random bytes in the place of 64 of them."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = os.urandom(64)
    overwrite(path, bytes(content))


def truncate(path: Path) -> None:
    """The file ends at once."""
    overwrite(path, b"")


def append(path: Path) -> None:
    """The file goes on where it ended."""
    overwrite(path, path.read_bytes() + b"\0")


def delete(path: Path) -> None:
    """The file is gone."""
    with writable(path.parent):
        path.unlink()


def replace_by_folder(path: Path) -> None:
    """A folder of that name."""
    delete(path)
    with writable(path.parent):
        path.mkdir()


def replace_by_loop(path: Path) -> None:
    """A link that leads to itself: nobody can read it, not even root."""
    delete(path)
    with writable(path.parent):
        path.symlink_to(path)


def replace_by_pipe(path: Path) -> None:
    """A named pipe, whose reader would wait for ever."""
    delete(path)
    with writable(path.parent):
        os.mkfifo(path)


def segment_of(folder: Path) -> Path:
    """The folder of the segment of a version that was written for it."""
    return segments_of(folder) / read_manifest(folder).segments[-1]


def halve_vectors(folder: Path) -> str:
    """An index of vectors half as long, as a program with a bug would write it, and sign it.

    Returns the hash of the new manifest.
    """
    segment = segment_of(folder)
    index = faiss.read_index(str(segment / INDEX))
    halved = faiss.IndexFlatIP(index.d)
    halved.add(0.5 * index.reconstruct_n(0, index.ntotal))
    overwrite(segment / INDEX, faiss.serialize_index(halved).tobytes())
    recorded = read_segment(segment)
    files = artifact_files.hashes(segment, recorded.files)
    signed = recorded.model_copy(update={"files": files}).signed()
    overwrite(segment / MANIFEST, signed.model_dump_json().encode())
    segment.rename(segment.with_name(signed.name))
    manifest = read_manifest(folder)
    named = manifest.model_copy(update={"segments": [*manifest.segments[:-1], signed.name]})
    overwrite(folder / MANIFEST, named.model_dump_json().encode())
    return sha256_of(folder / MANIFEST)


def flip_in_bucket(bucket: Bucket, key: str) -> None:
    """One bit in the middle of an object is another."""
    content = bytearray(bucket.read(key))
    content[len(content) // 2] ^= 1
    bucket.put_bytes(key, bytes(content))


def cut_in_bucket(bucket: Bucket, key: str) -> None:
    """An object ends a byte earlier."""
    bucket.put_bytes(key, bucket.read(key)[:-1])
