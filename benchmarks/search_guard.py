"""Ways to hold the vectors so that a changed file cannot change an answer or kill the process."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import search_data
from search_single import milliseconds

from soundalike.storage.layout import ArtifactStore
from soundalike.storage.private_copy import open_private, open_verified
from soundalike.vectors.artifact_files import INDEX
from soundalike.vectors.index.exact import StoredVectors
from soundalike.vectors.index_files import read_manifest

K = 10
ROUNDS = 3


def main() -> None:
    store, count = ArtifactStore(Path(sys.argv[1])), int(sys.argv[2])
    matrix, queries = search_data.collection(count)
    folder = store.index(search_data.write_artifact(store, matrix, "flat"))
    path, recorded = folder / INDEX, read_manifest(folder)
    known = recorded.files[INDEX], recorded.sizes[INDEX]
    # Each is opened alone, so that no copy is shared with the one before.
    ways: dict[str, Callable[[], StoredVectors]] = {
        "mapped": lambda: StoredVectors.map(open_verified(path, *known)),
        "private": lambda: StoredVectors.map(open_private(path, *known)),
        "memory": lambda: _in_memory(path, known[0]),
        "memfd": lambda: _in_memfd(path, known[0]),
    }
    figures: dict[str, float] = {}
    print(f"\n{count} x {matrix.shape[1]}: to open, and a flat query in one thread")
    for name, load in ways.items():
        seconds = min(_seconds(load) for _ in range(ROUNDS))
        exact = load()
        took = milliseconds(lambda n, e=exact: e.best(queries[n : n + 1], K))
        figures |= {f"open_{name}_s_{count}": seconds, f"search_{name}_ms_{count}": took}
        opened, searched = (
            figures[f"{what}_{count}"] / figures[f"{base}_{count}"]
            for what, base in (
                (f"open_{name}_s", "open_mapped_s"),
                (f"search_{name}_ms", "search_mapped_ms"),
            )
        )
        figures[f"search_{name}_ratio_{count}"] = searched
        print(f"  {name:<8} {seconds:6.2f} s {opened:5.2f} x   {took:7.2f} ms {searched:5.2f} x")
        del exact
    read = milliseconds(lambda _: path.read_bytes(), queries=8)
    print(f"  reading the file anew for each query: {read:.0f} ms more")
    print(json.dumps(figures | {f"guarded_read_ms_{count}": read}))


def _seconds(load: Callable[[], object]) -> float:
    started = time.perf_counter()
    load()
    return time.perf_counter() - started


def _in_memory(path: Path, sha256: str) -> StoredVectors:
    index = faiss.read_index(str(path))
    _require(path, sha256)
    return StoredVectors(index)


def _in_memfd(path: Path, sha256: str) -> StoredVectors:
    with os.fdopen(os.memfd_create("vectors"), "w+b") as copy:
        copy.write(path.read_bytes())
        copy.flush()
        _require(Path(f"/dev/fd/{copy.fileno()}"), sha256)
        return StoredVectors.map(copy)


def _require(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise RuntimeError(f"{path} is damaged")


if __name__ == "__main__":
    main()
