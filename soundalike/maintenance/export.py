"""Exports: ids, files, tags and vectors of the library as Parquet, or as .npy beside Parquet."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from soundalike.catalog.exports import exported_tracks
from soundalike.display_text import shown
from soundalike.errors import ExportError
from soundalike.maintenance.exported_vectors import Block, VectorSource
from soundalike.storage.atomic import atomic_file
from soundalike.vectors.embedding_files import SPACE

VECTOR = "vector"
TRACKS = pa.schema(
    [
        ("id", pa.string()),
        ("root", pa.string()),
        ("location", pa.string()),
        ("path", pa.string()),
        ("title", pa.string()),
        ("artist", pa.string()),
        ("artists", pa.list_(pa.string())),
        ("album", pa.string()),
        ("genres", pa.list_(pa.string())),
        ("year", pa.int32()),
        ("duration", pa.float64()),
    ]
)


def export_targets(target: Path, name: str, *, replace: bool) -> list[Path]:
    """Return the files to write: FILE.parquet; or FILE.parquet with the tracks, and FILE.npy.

    A target without either suffix is a folder, in which the file is called `name`. Raises
    ExportError if one exists, unless `replace`, or the folder cannot be written.
    """
    if target.is_dir() or not target.suffix:
        target = target / f"{name}.parquet"
    elif not target.parent.is_dir():
        raise ExportError(f"there is no folder {target.parent}; create it, or name another")
    if target.suffix not in (".parquet", ".npy"):
        raise ExportError(f"{target}: a file to export to ends in .parquet or .npy")
    files = sorted({target.with_suffix(".parquet"), target}, reverse=True)  # the target at last
    for file in files:
        if file.is_dir() or (file.exists() and not replace):
            advice = "it is a folder" if file.is_dir() else "--force replaces it"
            raise ExportError(f"{file} exists already: {advice}")
    return files


def export(
    session: Session, source: VectorSource, blocks: Iterable[Block], files: list[Path]
) -> None:
    """Write the blocks of `source`, each as it comes; the files appear whole, at the end.

    Raises ExportError if they cannot be written, ArtifactError of the source.
    """
    beside = len(files) > 1
    with _named_errors(files[0]), ExitStack() as stack:
        paths = [stack.enter_context(atomic_file(file)) for file in reversed(files)]
        fields = [] if beside else [(VECTOR, pa.list_(pa.float32(), source.dimension))]
        schema = pa.schema([*TRACKS, *fields], {SPACE: source.space})
        table = stack.enter_context(pq.ParquetWriter(paths[-1], schema))
        matrix = stack.enter_context(paths[0].open("wb")) if beside else None
        if matrix:
            shape = (source.tracks, source.dimension)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(matrix, header)
        for ids, vectors in blocks:
            columns = _columns(session, ids)
            if matrix:
                matrix.write(np.ascontiguousarray(vectors, "<f4").tobytes())
            else:
                flat = pa.array(vectors.reshape(-1), pa.float32())
                columns.append(pa.FixedSizeListArray.from_arrays(flat, source.dimension))
            table.write_table(pa.Table.from_arrays(columns, schema=schema))


def _columns(session: Session, ids: list[str]) -> list[pa.Array]:
    rows = [asdict(track) for track in exported_tracks(session, ids)]
    for row in rows:
        row["location"] = row["location"] and shown(row["location"])
    return [pa.array([row[field.name] for row in rows], field.type) for field in TRACKS]


@contextmanager
def _named_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExportError(f"{file.parent} cannot be written: {reason}") from error
