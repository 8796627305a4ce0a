"""One peer of the search, in its own environment: build, then ask one query at a time.

    python peer_search.py PEER FOLDER    with vectors.npy, queries.npy, true.npy in FOLDER

Prints one JSON line: how long building took, and recall@10 and ms at each setting of its search.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

K = 10
LISTED = (32, 64, 128, 256, 512)  # how much the search may look at
Asker = Callable[[np.ndarray], object]


def usearch(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Asker]]:
    from usearch.index import Index

    index = Index(ndim=matrix.shape[1], metric="ip", dtype="f32")
    index.add(np.arange(len(matrix)), matrix, threads=0)
    for looked_at in LISTED:
        index.expansion_search = looked_at
        yield looked_at, lambda query: index.search(query, K, threads=1).keys


def hnswlib(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Asker]]:
    import hnswlib

    index = hnswlib.Index(space="ip", dim=matrix.shape[1])
    index.init_index(len(matrix), ef_construction=200, M=16)
    index.add_items(matrix)
    index.set_num_threads(1)
    for looked_at in LISTED:
        index.set_ef(looked_at)
        yield looked_at, lambda query: index.knn_query(query, K)[0][0]


def voyager(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Asker]]:
    import voyager

    index = voyager.Index(voyager.Space.InnerProduct, matrix.shape[1], M=16, ef_construction=200)
    index.add_items(matrix)
    for looked_at in LISTED:
        yield (
            looked_at,
            lambda query, ef=looked_at: index.query(query, K, num_threads=1, query_ef=ef)[0],
        )


def lancedb(matrix: np.ndarray, folder: Path) -> Iterator[tuple[int, Asker]]:
    import lancedb
    import pyarrow as pa

    shutil.rmtree(folder / "lance", ignore_errors=True)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
    data = pa.table({"id": np.arange(len(matrix)), "vector": flat})
    table = lancedb.connect(folder / "lance").create_table("tracks", data)
    table.create_index(metric="dot", vector_column_name="vector")
    for probes in (5, 10, 20, 40):
        yield (
            probes,
            lambda query, n=probes: (
                table.search(query)
                .distance_type("dot")
                .nprobes(n)
                .refine_factor(20)
                .select(["id"])
                .limit(K)
                .to_arrow()["id"]
                .to_numpy()
            ),
        )


PEERS = {peer.__name__: peer for peer in (usearch, hnswlib, voyager, lancedb)}


def measure(ask: Asker, queries: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """recall@10, and the median ms of the best of two rounds."""
    found = [np.asarray(ask(query)) for query in queries]
    recall = np.mean([len(set(a.tolist()) & set(b)) / K for a, b in zip(found, true.tolist())])  # noqa: B905
    times = np.empty((2, len(queries)))
    for turn in times:
        for number, query in enumerate(queries):
            started = time.perf_counter()
            ask(query)
            turn[number] = time.perf_counter() - started
    return float(recall), float(np.median(times.min(axis=0))) * 1000


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    matrix, queries, true = (np.load(folder / f"{n}.npy") for n in ("vectors", "queries", "true"))
    started = time.perf_counter()
    build_seconds, settings = 0.0, []
    for setting, ask in PEERS[name](matrix, folder):
        build_seconds = build_seconds or time.perf_counter() - started
        settings.append([setting, *measure(ask, queries, true)])
    print(json.dumps({"build_seconds": build_seconds, "settings": settings}))


if __name__ == "__main__":
    main()
