"""A run must be told by its partitions, and its files must go or be said to stay."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.run_files import remove
from pipelines.runs import range_tags, shown_partitions


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        ({}, ""),
        ({"dagster/partition": "b000001"}, "b000001"),
        (range_tags(["b000001", "b000002", "b000003"]), "b000001 to b000003"),
        (range_tags(["b000001"]), "b000001"),
    ],
)
def test_its_partitions_are_its_only_one_or_its_first_and_last(
    tags: dict[str, str], shown: str
) -> None:
    assert shown_partitions(dg.DagsterRun(job_name="ingest_batch", tags=tags)) == shown


def test_files_that_cannot_be_removed_are_not_counted_as_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "log").write_text("x")

    def refuse(path: object, **_: object) -> None:
        raise PermissionError(13, "not permitted", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("os.unlink", refuse)
        with pytest.raises(PermissionError):
            remove(folder)
    remove(folder)
    assert not folder.exists()
    remove(folder)
