"""A spill file: tables that wait on disk, and not in memory, until they are put together."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa
import structlog

log = structlog.get_logger()

LEFT_FREE = 2**30  # bytes of the disk, for PostgreSQL and whatever else writes meanwhile


class Spill:
    """Tables of one schema, one after the other, in a file without a name.

    What cannot be written is held in memory, and so is what would fill the disk.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Open a file in the folder."""
        self.folder, self._schema = folder, schema
        self._file: BinaryIO | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._written = 0  # record batches
        self._held: list[pa.Table] = []
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
            self._writer = pa.ipc.new_stream(pa.OSFile(self._path, "wb"), schema)
        except OSError as error:
            self._hold(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what is mapped stays."""
        self._writer = None
        if self._file:
            self._file.close()

    def add(self, table: pa.Table) -> None:
        """Keep a table."""
        if self._writer is not None:
            batches = table.to_batches()
            try:
                self._require_room(table.nbytes)
                for batch in batches:
                    self._writer.write_batch(batch)
            except OSError as error:
                self._hold(error)
            else:
                self._written += len(batches)
                return
        self._held.append(table)

    def whole(self) -> pa.Table:
        """Return all tables as one, mapped as far as they were written; they are held no longer."""
        tables, self._held = self._held, []
        if self._written:
            stream = pa.ipc.open_stream(pa.memory_map(self._path))
            batches = [stream.read_next_batch() for _ in range(self._written)]
            tables.insert(0, pa.Table.from_batches(batches))
        return pa.concat_tables(tables or [self._schema.empty_table()])

    @property
    def _path(self) -> str:
        return f"/dev/fd/{self._file.fileno()}" if self._file else os.devnull

    def _require_room(self, size: int) -> None:
        if shutil.disk_usage(self.folder).free < LEFT_FREE + size:
            raise OSError(errno.ENOSPC, f"less than {LEFT_FREE >> 20} MiB would be free")

    def _hold(self, error: OSError) -> None:
        log.warning("columns.held_in_memory", reason=str(error))
        self._writer = None


def spilled(folder: Path, column: pa.Array) -> pa.ChunkedArray:
    """Return the column, mapped from a file without a name; itself if that cannot be written."""
    table = pa.table({"column": column})
    with Spill(folder, table.schema) as spill:
        spill.add(table)
        return spill.whole()["column"]
