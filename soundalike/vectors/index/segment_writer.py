"""Writing segments: of vectors, and of the rows of other segments that are merged."""

import datetime as dt
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.embedders.base import EmbeddingSpace
from soundalike.storage.atomic import make_read_only, sha256_of, unnamed_folder
from soundalike.vectors import artifact_files
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST
from soundalike.vectors.checks import check_segment
from soundalike.vectors.index.exact_file import write_exact_rows
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.quantizer import write_codes
from soundalike.vectors.index.segment import open_segment
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.segment_files import (
    Ids,
    SegmentContents,
    SegmentManifest,
    SourceBatch,
    file_names,
    write_rows,
)


@dataclass(frozen=True, eq=False)
class Coding:
    """The kind of a version's codes, with the name and quantizer that they are computed with.

    `name` is that of SegmentManifest.coding, empty without codes. `quantizer` is that of
    `train_quantizer`.
    """

    name: str
    kind: IndexKind
    quantizer: Any = None


@dataclass(frozen=True, eq=False)
class Draft:
    """The rows of a segment to write, in any order.

    `ids` are S<width> [n], `origins` ORIGIN [n], by the position of their batch in `batches`,
    and `blocks` their vectors one after the other, float32 [m, dim] each, which are read once.
    """

    batches: Mapping[str, SourceBatch]
    ids: Ids
    origins: NDArray[np.void]
    blocks: Iterable[NDArray[np.float32]]


def write_segment(
    segments: Path, space: EmbeddingSpace, coding: Coding, draft: Draft, run_id: str | None
) -> SegmentManifest:
    """Write a segment, with its checks, unless one of the same contents is there; return it.

    Vectors go to the disk as they come, and codes are made of the file: in memory are some of the
    vectors at a time, and of each row its id, its origin and its code.
    """
    order = np.argsort(draft.ids, kind="stable")
    ids, places = draft.ids[order], np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    with unnamed_folder(segments) as folder:
        matrix = write_exact_rows(folder.path / INDEX, places, space.dimension, draft.blocks)
        with ThreadPoolExecutor(2) as pool:  # one is bound by the disk, the other by the CPU
            writing = []
            hashing = pool.submit(sha256_of, folder.path / INDEX)
            if coding.name:
                codes = folder.path / CODES, matrix, coding.quantizer
                writing.append(pool.submit(write_codes, *codes))
            write_rows(folder.path, ids, draft.origins[order])
            for part in writing:
                part.result()
            index_sha256 = hashing.result()
        names = file_names(coding.name)
        others = [name for name in names if name != INDEX]
        contents = SegmentContents(
            space=space.key,
            space_fingerprint=space.fingerprint,
            dimension=space.dimension,
            coding=coding.name,
            id_bytes=ids.itemsize,
            batches=dict(draft.batches),
            files={INDEX: index_sha256, **artifact_files.hashes(folder.path, others)},
            sizes=artifact_files.sizes(folder.path, names),
        )
        manifest = SegmentManifest(
            **dict(contents), checks=[], dagster_run_id=run_id, created_at=dt.datetime.now(dt.UTC)
        )
        segment = open_segment(folder.path, manifest, coding.kind)
        found = check_segment(OpenIndex.of_segment(segment, coding.kind))
        manifest = manifest.model_copy(update={"checks": found}).signed()
        text = manifest.model_dump_json(indent=2) + "\n"
        (folder.path / MANIFEST).write_text(text, encoding="utf-8")
        make_read_only(folder.path)
        folder.name = manifest.name
    return manifest
