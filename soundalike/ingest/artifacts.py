"""Artifacts: the files below the data root that must be there, and which are lost or damaged.

`soundalike doctor`, `soundalike verify` and every ingest ask here. What is recorded of a file comes
from the catalog; for files of an older version that may be less, and then the file must at least be
one that its readers can read.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from sqlalchemy.orm import Session

from soundalike.audio.resample import CANONICAL_RATE
from soundalike.catalog import artifacts as recorded
from soundalike.cores import available_cores
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.storage.atomic import sha256_of
from soundalike.storage.disk_space import DAMAGED_ERRNOS
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files, map_files
from soundalike.vectors.segment_files import read_segment, segment_names

SAMPLES_AT_ONCE = 2**18
SLACK_SECONDS = 0.001  # between a length in the catalog and the same in samples


class Kind(StrEnum):
    """The kind of an artifact, in words for users."""

    AUDIO = "canonical audio"
    MANIFEST = "batch manifest"
    VECTORS = "vectors"
    SIDECAR = "sidecar of vectors"
    INDEX = "index"
    OLDER_INDEX = "older index"
    SEGMENT = "segment of indexes"
    MAP = "map"


@dataclass(frozen=True)
class Artifact:
    """A file, or an index's folder, with what is recorded of it; None where that is not known.

    `batch_id` is 0 for an index, a segment and a map. `name` is the track's id, the batch's key,
    the space's key, the version of index or map, or the segment's name. `seconds`: the length of
    audio.
    """

    kind: Kind
    path: Path
    batch_id: int
    name: str
    sha256: str | None
    size: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Damage:
    """An artifact that is lost or damaged, and the problem in words.

    `forbidden`: it may be whole, but this process cannot read it now.
    """

    artifact: Artifact
    problem: str
    forbidden: bool = False


def artifacts_of_batches(
    session: Session, store: ArtifactStore, batches: Collection[int] | None = None
) -> Iterator[Artifact]:
    """Yield the artifacts of all batches, or of these, that the catalog says are there."""
    for audio in recorded.audio(session, batches):
        path = store.audio(audio.track)
        yield Artifact(
            *(Kind.AUDIO, path, audio.batch_id, audio.track, audio.sha256),
            size=audio.size,
            seconds=audio.seconds,
        )
    for batch_id, batch, sha256 in recorded.manifests(session, batches):
        yield Artifact(Kind.MANIFEST, store.batch_manifest(batch), batch_id, batch, sha256)
    for batch_id, batch, space, sha256, sidecar in recorded.embeddings(session, batches):
        yield Artifact(Kind.VECTORS, store.vectors(space, batch), batch_id, space, sha256)
        yield Artifact(Kind.SIDECAR, store.sidecar(space, batch), batch_id, space, sidecar)


def indexes(session: Session, store: ArtifactStore) -> Iterator[Artifact]:
    """Yield every index version that was not retired; one that is not served is an older one."""
    for version, sha256, served in recorded.indexes(session):
        kind = Kind.INDEX if served else Kind.OLDER_INDEX
        yield Artifact(kind, store.index(version), 0, version, sha256)


def segments(store: ArtifactStore) -> Iterator[Artifact]:
    """Yield every segment that is there; those that are lost are missing in an index."""
    for name in segment_names(store.segments):
        yield Artifact(Kind.SEGMENT, store.segments / name, 0, name, None)


def maps(store: ArtifactStore) -> Iterator[Artifact]:
    """Yield every map that is there; one that is not was not drawn yet."""
    for path in sorted(store.maps.glob("[!.]*")):
        yield Artifact(Kind.MAP, path, 0, path.name, None)


def all_artifacts(session: Session, store: ArtifactStore) -> Iterator[Artifact]:
    """Yield the artifacts of all batches, then the indexes, their segments and their maps.

    With a bucket, only those that are in this data root: others are fetched when they are needed.
    """
    yield from filter(partial(is_expected, store), artifacts_of_batches(session, store))
    yield from filter(partial(is_expected, store), indexes(session, store))
    yield from segments(store)
    yield from maps(store)


def is_expected(store: ArtifactStore, artifact: Artifact) -> bool:
    """Return whether the artifact must be in this data root: with a bucket only if it is there.

    So it is with canonical audio that is not kept on the disk.
    """
    everywhere = store.has_all_audio if artifact.kind is Kind.AUDIO else store.bucket is None
    return everywhere or artifact.path.exists()


def damages_of(artifacts: Sequence[Artifact], *, audio: bool) -> Iterator[Damage | None]:
    """Yield `damage_of` each artifact; as many are read at a time as there are cores.

    Those of which only the size is looked at come first.
    """
    unread = [one for one in artifacts if one.kind is Kind.AUDIO and not audio]
    yield from (damage_of(one, audio=False) for one in unread)
    artifacts = [one for one in artifacts if one.kind is not Kind.AUDIO or audio]
    with ThreadPoolExecutor(available_cores()) as pool:
        try:
            yield from pool.map(partial(damage_of, audio=audio), artifacts)
        finally:
            pool.shutdown(cancel_futures=True)


def damage_of(artifact: Artifact, *, audio: bool) -> Damage | None:
    """Return what is wrong with the artifact, or None.

    Its content is compared with what is recorded; of canonical audio, by far the most of the data
    root, only the size, unless `audio`.
    """
    try:
        problem = _problem(artifact, audio)
    except UnreadableArtifact as error:
        return Damage(artifact, str(error).partition("; ")[0], forbidden=True)
    except (FileNotFoundError, NotADirectoryError):
        problem = "missing"
    except OSError as error:  # of the disk itself, or one that passes: the file may be whole
        unreadable = error.errno not in DAMAGED_ERRNOS
        return Damage(artifact, f"cannot be read: {error.strerror or error}", unreadable)
    return Damage(artifact, problem) if problem else None


def _problem(artifact: Artifact, audio: bool) -> str | None:
    path, size = artifact.path, artifact.path.stat().st_size
    if verify := _VERIFIED.get(artifact.kind):
        return _problem_in(lambda: verify(artifact))
    if artifact.size not in (None, size):
        return f"{size} bytes instead of {artifact.size}"
    if not size:
        return "empty"
    if artifact.kind is Kind.AUDIO and not audio:
        return None
    if artifact.sha256 is not None:
        return None if sha256_of(path) == artifact.sha256 else "not as it was written"
    return _flac_problem(artifact) if artifact.kind is Kind.AUDIO else _parquet_problem(path)


def _verify_index(artifact: Artifact) -> None:
    """Read the version's own files; its segments, which others share, are artifacts themselves."""
    manifest = index_files.read_manifest(artifact.path, artifact.sha256)
    index_files.verify_version(artifact.path, artifact.sha256, trusted=manifest.segments)


def _verify_segment(artifact: Artifact) -> None:
    read_segment(artifact.path).files_in(artifact.path).verify()


def _verify_map(artifact: Artifact) -> None:
    map_files.read_points(artifact.path, map_files.read_manifest(artifact.path))


# Folders with a manifest: each raises ArtifactError.
_VERIFIED: dict[Kind, Callable[[Artifact], None]] = {
    Kind.INDEX: _verify_index,
    Kind.OLDER_INDEX: _verify_index,
    Kind.SEGMENT: _verify_segment,
    Kind.MAP: _verify_map,
}


def _problem_in(verify: Callable[[], None]) -> str | None:
    try:
        verify()
    except UnreadableArtifact:
        raise
    except ArtifactError as error:
        return str(error).partition("; ")[0]
    return None


def _flac_problem(artifact: Artifact) -> str | None:
    """Decode it all: each of FLAC's frames has a checksum."""
    try:
        with artifact.path.open("rb") as file, soundfile.SoundFile(file) as flac:
            frames = sum(map(len, flac.blocks(SAMPLES_AT_ONCE, dtype="int16")))
            declared = flac.frames
    except soundfile.LibsndfileError as error:
        return f"not a FLAC that can be decoded ({error.error_string})"
    if frames != declared or abs(frames / CANONICAL_RATE - artifact.seconds) > SLACK_SECONDS:
        return f"{frames / CANONICAL_RATE:.1f} s instead of {artifact.seconds:.1f} s"
    return None


def _parquet_problem(path: Path) -> str | None:
    try:
        pq.read_table(pa.BufferReader(path.read_bytes()))
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        return f"not a parquet file ({error})"
    return None
