"""The vectors of an export, block by block: of the published index, or of a space."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from soundalike.catalog import index_contents, publications
from soundalike.catalog.exports import embedded_spaces
from soundalike.catalog.index_contents import LocatedTrack
from soundalike.errors import ArtifactError
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.embedding_files import load_recorded
from soundalike.vectors.index_copies import fetch_version

ROWS_AT_ONCE = 1024  # rows of a block: 3 MB of vectors of 768 dimensions


Block = tuple[list[str], NDArray[np.float32]]


@dataclass(frozen=True)
class VectorSource:
    """The vectors to export: a name, their space's key, their number, and blocks of them.

    `blocks` yields track ids and float32 [rows, dimension], at most ROWS_AT_ONCE at a time.
    """

    name: str
    space: str
    tracks: int
    dimension: int
    blocks: Iterator[Block]


def published_vectors(session: Session, store: ArtifactStore) -> VectorSource:
    """Return the vectors of the published index, in the order of track ids.

    Raises ArtifactError if none is published, or it is damaged.
    """
    from soundalike.vectors.index.open_index import OpenIndex

    served = publications.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; run `soundalike ingest FOLDER`")
    fetch_version(store, served.index.version, served.index.manifest_sha256)
    index = OpenIndex.open(store.index(served.index.version), codes_memory=0)
    starts = range(0, len(index), ROWS_AT_ONCE)
    ids = (index.track_ids[start : start + ROWS_AT_ONCE] for start in starts)
    blocks = ((block, index.vectors_of(block)) for block in ids)
    manifest = index.manifest
    name = f"index-{manifest.version}"
    return VectorSource(name, manifest.space, len(index), manifest.dimension, blocks)


def space_vectors(session: Session, store: ArtifactStore, space: str) -> VectorSource:
    """Return the vectors that an index of this space would have, batch by batch.

    Raises ArtifactError if nothing is embedded in it, or a batch's file is lost, damaged or cannot
    be read.
    """
    tracks = index_contents.located_tracks(session, space)
    if not tracks:
        known = ", ".join(embedded_spaces(session)) or "none yet"
        raise ArtifactError(f"no track is embedded in {space!r}; the library's spaces are: {known}")
    dimension = _vectors(store, space, tracks[0]).shape[1]
    blocks = _blocks_of_space(store, space, tracks)
    return VectorSource(space, space, len(tracks), dimension, blocks)


def _blocks_of_space(
    store: ArtifactStore, space: str, tracks: Sequence[LocatedTrack]
) -> Iterator[Block]:
    """Yield track ids and their float32 [rows, dimension]; one batch is in memory at a time."""
    by_batch = sorted(tracks, key=lambda track: track.batch)
    for _, of_batch in groupby(by_batch, lambda track: track.batch):
        located = list(of_batch)
        vectors = _vectors(store, space, located[0])
        for start in range(0, len(located), ROWS_AT_ONCE):
            block = located[start : start + ROWS_AT_ONCE]
            yield [track.track_id for track in block], vectors[[track.row for track in block]]


def _vectors(store: ArtifactStore, space: str, track: LocatedTrack) -> NDArray[np.float32]:
    """Load the float32 [n, dim] of a track's batch; an error is not one of the export's files."""
    try:
        return load_recorded(store, space, track.batch, track.sha256)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArtifactError(f"embeddings[{track.batch}] cannot be read: {reason}") from error
