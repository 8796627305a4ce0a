"""What is visible in a data root must be whole, at any moment, whoever was just killed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile

from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.segment_files import read_segment


class Inspector:
    """Looks at every visible artifact; one that was whole is not looked at again."""

    def __init__(self, data: Path) -> None:
        self._store = ArtifactStore(data)
        self._whole: set[tuple[Path, int]] = set()
        self.looks = 0
        self.problems: list[str] = []

    def look(self) -> None:
        """Add what is half-written to `problems`."""
        self.looks += 1
        for path, check in self._visible():
            try:
                key = (path, path.stat().st_ino)  # a replaced file is another one
                if key not in self._whole:
                    check(path)
                    self._whole.add(key)
            except FileNotFoundError as error:
                if path.exists():  # else it was replaced as we looked
                    self.problems.append(f"{path} is not whole: {error}")
            except Exception as error:  # whatever a reader stumbles over
                self.problems.append(f"{path} is not whole: {error}")

    def _visible(self) -> Iterator[tuple[Path, Callable[[Path], object]]]:
        root = self._store.root
        for pattern, check in (
            ("indexes/[0-9a-f]*", _check_index),
            ("segments/[0-9a-f]*", _check_segment),
            ("embeddings/*/b*.npy", _check_vectors),
            ("embeddings/*/b*.parquet", pq.read_table),
            ("batches/b*.parquet", pq.read_table),
            ("audio/44100/*/[0-9a-f]*.flac", _check_audio),
        ):
            for path in root.glob(pattern):
                yield path, check


def _check_index(folder: Path) -> None:
    manifest = index_files.read_manifest(folder)
    index_files.verify_files(folder, manifest)
    if manifest.failed_checks or len(OpenIndex.open(folder)) != manifest.tracks:
        raise ValueError("it is not what its manifest says")


def _check_segment(folder: Path) -> None:
    segment = read_segment(folder)
    segment.files_in(folder).verify()
    if segment.failed_checks:
        raise ValueError("it did not pass its checks")


def _check_vectors(path: Path) -> None:
    if not np.isfinite(np.load(path, allow_pickle=False)).all():
        raise ValueError("not finite")


def _check_audio(path: Path) -> None:
    if not len(soundfile.read(path)[0]):
        raise ValueError("no sound in it")
