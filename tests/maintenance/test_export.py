"""An export must be the library's vectors and tags, row by row, whole or not there at all."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError, ExportError
from soundalike.maintenance.export import export, export_targets
from soundalike.maintenance.exported_vectors import (
    ROWS_AT_ONCE,
    VectorSource,
    published_vectors,
    space_vectors,
)
from soundalike.storage.layout import ArtifactStore
from tests.serving.collection import SPACE, Collection, numbered
from tests.source import REPOSITORY


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


def exported(
    collection: Collection, target: Path, space: str | None = None, *, replace: bool = False
) -> VectorSource:
    with collection.sessions() as session:
        store = collection.store
        source = (
            space_vectors(session, store, space) if space else published_vectors(session, store)
        )
        files = export_targets(target, source.name, replace=replace)
        export(session, source, source.blocks, files)
    return source


def assert_all(collection: Collection, ids: list[str], vectors: np.ndarray[Any, Any]) -> None:
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [collection.vectors[track] for track in ids])


def test_published_index_is_read_by_pandas_in_one_line(
    collection: Collection, tmp_path: Path
) -> None:
    collection.add(
        {"title": "One", "artist": "A", "genres": ["rock", "pop"], "year": 1999, "path": b"a/\xff"},
        *numbered(2 * ROWS_AT_ONCE + 5),
    )
    collection.publish()
    source = exported(collection, tmp_path / "library.parquet")
    tracks = pd.read_parquet(tmp_path / "library.parquet")
    assert len(tracks) == source.tracks == 2 * ROWS_AT_ONCE + 6
    assert tracks["id"].tolist() == sorted(collection.vectors)
    assert_all(collection, tracks["id"].tolist(), np.stack(tracks["vector"]))
    [one] = tracks[tracks["title"] == "One"].to_dict("records")
    assert (one["root"], one["location"], one["path"]) == ("music", "/music", "a/\\xff")
    assert (one["artist"], list(one["artists"])) == ("A", ["A"])
    assert list(one["genres"]) == ["rock", "pop"]
    assert (one["year"], one["duration"]) == (1999, 30.0)
    file = pq.ParquetFile(tmp_path / "library.parquet")
    assert file.metadata.num_row_groups == 3, "memory is bounded by a block"
    assert file.schema_arrow.metadata[b"soundalike.space"].decode() == SPACE.key


@pytest.mark.slow
def test_npy_has_the_vectors_and_the_file_beside_it_the_tracks(
    collection: Collection, tmp_path: Path
) -> None:
    collection.add(*numbered(ROWS_AT_ONCE + 1))
    collection.publish()
    exported(collection, tmp_path / "v.npy")
    tracks = pd.read_parquet(tmp_path / "v.parquet")
    assert "vector" not in tracks
    vectors = np.load(tmp_path / "v.npy", mmap_mode="r", allow_pickle=False)
    assert vectors.shape == (ROWS_AT_ONCE + 1, SPACE.dimension)
    assert_all(collection, tracks["id"].tolist(), vectors)


def test_space_has_what_is_not_published_yet_and_not_what_is_gone(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.maintenance.exported_vectors.ROWS_AT_ONCE", 1)
    first = collection.add(*numbered(3))
    collection.publish()
    later = collection.add(*numbered(2))
    collection.remove(first[0])
    exported(collection, tmp_path, SPACE.key)
    tracks = pd.read_parquet(tmp_path / f"{SPACE.key}.parquet")
    assert set(tracks["id"]) == {*first[1:], *later}
    assert_all(collection, tracks["id"].tolist(), np.stack(tracks["vector"]))


def test_track_whose_file_is_gone_has_no_path(collection: Collection, tmp_path: Path) -> None:
    [gone, _] = collection.add(*numbered(2))
    version = collection.publish()
    collection.remove(gone)
    exported(collection, tmp_path / "new folder")
    tracks = pd.read_parquet(tmp_path / "new folder" / f"index-{version}.parquet")
    assert tracks.set_index("id")["path"].isna().to_dict()[gone]
    assert tracks["path"].isna().sum() == 1


def test_what_cannot_be_exported_is_named(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no index is published yet; run `soundalike ingest"):
        exported(collection, tmp_path / "x.parquet")
    collection.add(*numbered(2))
    with pytest.raises(ArtifactError, match=f"no track .* 'other'; .* spaces are: {SPACE.key}"):
        exported(collection, tmp_path / "x.parquet", "other")
    assert list(tmp_path.glob("*.parquet")) == []


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("there.parquet", "exists already: --force replaces it"),
        ("there.npy", r"there\.parquet exists already"),
        ("none/x.parquet", "there is no folder .*none; create it"),
        ("x.csv", "ends in .parquet or .npy"),
    ],
)
def test_target_that_cannot_be_is_refused(
    collection: Collection, tmp_path: Path, target: str, problem: str
) -> None:
    collection.add(*numbered(2))
    collection.publish()
    (tmp_path / "there.parquet").write_text("kept")
    with pytest.raises(ExportError, match=problem):
        exported(collection, tmp_path / target)
    assert (tmp_path / "there.parquet").read_text() == "kept"
    exported(collection, tmp_path / "there.parquet", replace=True)
    assert len(pd.read_parquet(tmp_path / "there.parquet")) == 2


def test_folder_that_cannot_be_written_is_named(collection: Collection) -> None:
    collection.add(*numbered(2))
    collection.publish()
    with pytest.raises(ExportError, match="/proc cannot be written: "):
        exported(collection, Path("/proc/x.parquet"))


def test_export_that_fails_on_the_way_leaves_what_was_there(
    collection: Collection, tmp_path: Path
) -> None:
    collection.add(*numbered(2))
    collection.add(*numbered(2))
    target = tmp_path / "x.npy"
    exported(collection, target, SPACE.key)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("x.*")}
    newest = max((collection.store.embeddings / SPACE.key).glob("*.npy"))
    newest.write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="changed on disk"):
        exported(collection, target, SPACE.key, replace=True)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*x.*")} == before


def recipes() -> list[str]:
    """The Python of docs/notebook.md."""
    text = (REPOSITORY / "docs" / "notebook.md").read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_recipes_of_the_documentation_work(
    collection: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    collection.add(*[{"title": str(n), "artist": f"Artist {n % 4}"} for n in range(20)])
    collection.add({"title": "no artist"})
    collection.publish()
    exported(collection, tmp_path / "library.parquet")
    assert collection.store.root == tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    [_, exploration, by_hand] = recipes()  # the first is tests/client's
    names: dict[str, Any] = {}
    exec(exploration, names)
    assert len(names["near"]) == 5
    assert names["near"][0] == 0
    assert "Artist 3" in capsys.readouterr().out
    exec(by_hand, names)
    assert names["vector_of"].keys() == collection.vectors.keys()
    for track, vector in names["vector_of"].items():
        np.testing.assert_array_equal(vector, collection.vectors[track])


def test_a_batch_that_cannot_be_read_is_not_called_an_error_of_the_target(
    collection: Collection, store: ArtifactStore, tmp_path: Path
) -> None:
    collection.add(*numbered(2))
    [vectors] = store.embeddings.rglob("*.npy")
    vectors.unlink()
    vectors.mkdir()
    with pytest.raises(ArtifactError, match="cannot be read: is a directory"):
        exported(collection, tmp_path / "x.parquet", SPACE.key)
    assert list(tmp_path.glob("*.parquet")) == []
