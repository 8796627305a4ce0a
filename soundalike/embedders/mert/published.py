"""The published MERT weights, and the identification of a file on disk. Imports no torch.

The header of a converted file holds the source file's hash and one of its tensors' bytes, so that
it can be copied to another machine and damage is detected wherever it is opened.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from soundalike.errors import WeightsError
from soundalike.storage.atomic import sha256_of

SOURCE, SEAL = "source_sha256", "data_sha256"  # in the metadata of a converted file
UNSEALED = "unsealed".ljust(64, "-")
MAX_HEADER_BYTES = 100_000_000  # the limit of the format itself


@dataclass(frozen=True)
class PublishedWeights:
    """A pytorch_model.bin on the hub.

    `sha256`: all its hex digits, or only the first ones if no more are known. `size`: bytes, or
    None if it is not known.
    """

    repository: str
    revision: str
    sha256: str
    size: int | None


# From public projects that pin these files. The hub cannot be reached from the development machine,
# so these values have not been checked against it.
PUBLISHED: dict[str, PublishedWeights] = {
    "mert-v1-95m": PublishedWeights(
        repository="m-a-p/MERT-v1-95M",
        revision="12af15fef9d0ac838c3f475bfbbf26d2060dd4f5",
        sha256="a2b8b747f72c06e0595aeae41ae5473f4364938c6b39b2c58be38c48e6bd3fcd",
        size=377_552_987,
    ),
    "mert-v1-330m": PublishedWeights(
        repository="m-a-p/MERT-v1-330M",
        revision="5240c2708a5acaee1007f43fb9735c7dcd0b78c9",
        sha256="0c03774d",  # no more digits and no exact size are known
        size=None,
    ),
}


def revision_of(weights: Path) -> str:
    """Identify the tensors by 16 hex digits: of the published revision, else of the file's SHA-256.

    A published file and the file converted from it have the same revision. Each state of a file is
    read once a process. Raises WeightsError if a converted file is damaged.
    """
    state = weights.stat()
    source = _source(weights, state.st_size, state.st_mtime_ns)
    known = (one for one in PUBLISHED.values() if source.startswith(one.sha256))
    published = next(known, None)
    return (published.revision if published else source)[:16]


def seal(converted: Path) -> None:
    """Replace UNSEALED in the header by the SHA-256 of the tensors' bytes."""
    with converted.open("r+b") as file:
        _metadata(file)
        start = file.tell()
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        header = file.read(start)
        file.seek(0)
        file.write(header.replace(UNSEALED.encode(), digest.encode(), 1))


@functools.cache
def _source(weights: Path, size: int, mtime_ns: int) -> str:
    """The SHA-256 of the file that the tensors come from: a converted file's source, or itself.

    `size` and `mtime_ns` are part of the cache's key, so that a changed file is read again.
    """
    if weights.suffix == ".safetensors":
        with weights.open("rb") as file:
            metadata = _metadata(file)
            if SOURCE in metadata:
                _refuse_broken_seal(weights, file, metadata.get(SEAL))
                return str(metadata[SOURCE])
    return sha256_of(weights)


def _refuse_broken_seal(weights: Path, file: BufferedIOBase, expected: object) -> None:
    if hashlib.file_digest(file, "sha256").hexdigest() != expected:
        raise WeightsError(
            f"{weights}: it is damaged. Remove it, then fetch it again (soundalike models fetch) "
            "or copy it again"
        )


def _metadata(file: BufferedIOBase) -> Mapping[str, object]:
    """Read the metadata of a safetensors header; the file is then at the tensors' bytes.

    Empty if there is no such header: loading the file then raises a detailed error.
    """
    length = min(int.from_bytes(file.read(8), "little"), MAX_HEADER_BYTES)
    try:
        header = json.loads(file.read(length))
    except ValueError:
        return {}
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return metadata if isinstance(metadata, dict) else {}
