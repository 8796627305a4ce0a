"""Folders of a level, by the beginning of a path."""

import pyarrow as pa
import pytest

from soundalike.catalog.columns.folders import folders

PATHS = ("Ana/One/1.flac", "Ana/Two/2.flac", "top.flac", "Caf\u00e9/x.flac", "Cafe\u0301/y.flac")


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", {0: "Ana/", 1: "Ana/", 3: "Caf\u00e9/", 4: "Cafe\u0301/"}),
        ("A", {0: "Ana/", 1: "Ana/"}),
        ("Ana/", {0: "Ana/One/", 1: "Ana/Two/"}),
        ("Ana/T", {1: "Ana/Two/"}),
        ("Ana/One/", {}),
        ("Caf\u00e9", {3: "Caf\u00e9/", 4: "Cafe\u0301/"}),
        ("top", {}),
        ("none/", {}),
        ("/", {}),
        ("a/" * 2000, {}),
    ],
)
@pytest.mark.parametrize("paths", [PATHS, ()])
def test_each_path_below_is_in_one_folder(
    paths: tuple[str, ...], prefix: str, expected: dict[int, str]
) -> None:
    values, positions = folders(pa.array(paths, pa.large_string()), prefix)
    found = dict(zip(positions.tolist(), values.to_pylist(), strict=True))
    assert found == (expected if paths else {})
