"""A spill file keeps tables out of memory, and loses none where it cannot be written."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from soundalike.catalog.columns import spill as module
from soundalike.catalog.columns.spill import Spill, spilled

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.large_string())])
ROWS = 50_000
BYTES = 1_500_000  # at least, of a table of so many rows


def table(number: int) -> pa.Table:
    return pa.table({"number": [number] * ROWS, "text": [f"text {number} " * 2] * ROWS}, SCHEMA)


def spilled_tables(folder: Path) -> pa.Table:
    with Spill(folder, SCHEMA) as spill:
        for number in range(4):
            spill.add(table(number))
        return spill.whole()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Have the system refuse to write more into any file, as it does when the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    class Log:
        def warning(self, event: str, reason: str) -> None:
            told.append(f"{event}: {reason}")

    monkeypatch.setattr(module, "log", Log())
    return told


def test_tables_wait_outside_of_memory(tmp_path: Path, warnings: list[str]) -> None:
    before = pa.total_allocated_bytes()
    whole = spilled_tables(tmp_path)
    assert pa.total_allocated_bytes() - before < BYTES
    assert whole.equals(pa.concat_tables([table(number) for number in range(4)]))
    assert list(tmp_path.iterdir()) == []
    assert warnings == []


def test_what_a_full_disk_does_not_take_is_held_in_memory(
    tmp_path: Path, warnings: list[str]
) -> None:
    with files_of_at_most(2 * BYTES):
        before = pa.total_allocated_bytes()
        whole = spilled_tables(tmp_path)
        held = pa.total_allocated_bytes() - before
    assert whole.equals(pa.concat_tables([table(number) for number in range(4)]))
    assert held >= 2 * BYTES
    [warning] = warnings
    assert warning.startswith("columns.held_in_memory: ")
    assert "File too large" in warning


def test_room_is_left_on_the_disk_for_others(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEFT_FREE", 2**60)
    before = pa.total_allocated_bytes()
    whole = spilled_tables(tmp_path)
    assert pa.total_allocated_bytes() - before >= 4 * BYTES
    assert whole.num_rows == 4 * ROWS
    [warning] = warnings
    assert "MiB would be free" in warning


def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path, warnings: list[str]) -> None:
    column = pa.array(["a", None])
    assert spilled(tmp_path / "gone", column).equals(pa.chunked_array([column]))
    [warning] = warnings
    assert "No such file or directory" in warning


def test_a_column_with_a_dictionary_is_mapped(tmp_path: Path) -> None:
    words = pa.array(["a", "b", "a"]).dictionary_encode()
    column = pa.LargeListArray.from_arrays([0, 2, 3], words)
    mapped = spilled(tmp_path, column)
    assert mapped.equals(pa.chunked_array([column]))
    assert mapped.num_chunks == 1


def test_no_table_at_all(tmp_path: Path) -> None:
    with Spill(tmp_path, SCHEMA) as spill:
        assert spill.whole().equals(SCHEMA.empty_table())
