"""Writing segments: of vectors, and of the rows of other segments that are merged."""

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.embedders.base import EmbeddingSpace
from soundalike.storage.atomic import make_read_only, unnamed_folder
from soundalike.vectors import artifact_files
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST
from soundalike.vectors.checks import check_segment
from soundalike.vectors.index.codes import write_codes
from soundalike.vectors.index.exact import write_exact
from soundalike.vectors.index.open_index import OpenIndex
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
    and `matrix` is float32 [n, dim].
    """

    batches: Mapping[str, SourceBatch]
    ids: Ids
    origins: NDArray[np.void]
    matrix: NDArray[np.float32]


def write_segment(
    segments: Path, space: EmbeddingSpace, coding: Coding, draft: Draft, run_id: str | None
) -> SegmentManifest:
    """Write a segment, with its checks, unless one of the same contents is there; return it."""
    order = np.argsort(draft.ids, kind="stable")
    in_order = bool((order[1:] > order[:-1]).all())
    ids, matrix = draft.ids[order], draft.matrix if in_order else draft.matrix[order]
    with unnamed_folder(segments) as folder:
        with ThreadPoolExecutor(2) as pool:  # one is bound by the disk, the other by the CPU
            writing = [pool.submit(write_exact, folder.path / INDEX, matrix)]
            if coding.name:
                codes = folder.path / CODES, matrix, coding.quantizer
                writing.append(pool.submit(write_codes, *codes))
            write_rows(folder.path, ids, draft.origins[order])
            for part in writing:
                part.result()
        names = file_names(coding.name)
        contents = SegmentContents(
            space=space.key,
            space_fingerprint=space.fingerprint,
            dimension=space.dimension,
            coding=coding.name,
            id_bytes=ids.itemsize,
            batches=dict(draft.batches),
            files=artifact_files.hashes(folder.path, names),
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
