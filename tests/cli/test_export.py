"""`soundalike export` tells the files that it wrote, and nothing else on standard output."""

from pathlib import Path

import pandas as pd
import pytest

from soundalike.catalog.engine import Sessions
from soundalike.storage.layout import ArtifactStore
from tests.cli.test_read_only import run
from tests.serving.collection import SPACE, Collection, numbered


@pytest.mark.slow
def test_export_names_its_files_and_replaces_none_unasked(
    sessions: Sessions, store: ArtifactStore, database_url: str, tmp_path: Path
) -> None:
    collection = Collection(sessions, store)
    collection.add(*numbered(3))
    collection.publish()
    target = tmp_path / "x.npy"
    for options, code in (("", 0), ("", 1), ("--force", 0), (f"--force --space {SPACE.key}", 0)):
        done = run(f"export {target} {options}", store.root, DATABASE_URL=database_url)
        assert done.returncode == code, done.stderr
        if code:
            assert "--force replaces it" in " ".join(done.stderr.split())
        else:
            assert done.stdout.split() == [str(target.with_suffix(".parquet")), str(target)]
            assert f"3 tracks of {SPACE.key}" in done.stderr
    assert len(pd.read_parquet(tmp_path / "x.parquet")) == 3
