"""One peer of the search, in its own environment: build, then search for one query at a time.

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
BREADTHS = (32, 64, 128, 256, 512)  # of the search: ef, or expansion_search
Search = Callable[[np.ndarray], object]


def usearch(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Search]]:
    from usearch.index import Index

    index = Index(ndim=matrix.shape[1], metric="ip", dtype="f32")
    index.add(np.arange(len(matrix)), matrix, threads=0)
    for breadth in BREADTHS:
        index.expansion_search = breadth
        yield breadth, lambda query: index.search(query, K, threads=1).keys


def hnswlib(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Search]]:
    import hnswlib

    index = hnswlib.Index(space="ip", dim=matrix.shape[1])
    index.init_index(len(matrix), ef_construction=200, M=16)
    index.add_items(matrix)
    index.set_num_threads(1)
    for breadth in BREADTHS:
        index.set_ef(breadth)
        yield breadth, lambda query: index.knn_query(query, K)[0][0]


def voyager(matrix: np.ndarray, _: Path) -> Iterator[tuple[int, Search]]:
    import voyager

    index = voyager.Index(voyager.Space.InnerProduct, matrix.shape[1], M=16, ef_construction=200)
    index.add_items(matrix)
    for breadth in BREADTHS:
        yield (
            breadth,
            lambda query, ef=breadth: index.query(query, K, num_threads=1, query_ef=ef)[0],
        )


def lancedb(matrix: np.ndarray, folder: Path) -> Iterator[tuple[int, Search]]:
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


def measure(search: Search, queries: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Recall@10, and the median ms of the best of two rounds."""
    hits = [np.asarray(search(query)) for query in queries]
    recall = np.mean([len(set(a.tolist()) & set(b)) / K for a, b in zip(hits, true.tolist())])  # noqa: B905
    times = np.empty((2, len(queries)))
    for turn in times:
        for number, query in enumerate(queries):
            started = time.perf_counter()
            search(query)
            turn[number] = time.perf_counter() - started
    return float(recall), float(np.median(times.min(axis=0))) * 1000


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    matrix, queries, true = (np.load(folder / f"{n}.npy") for n in ("vectors", "queries", "true"))
    started = time.perf_counter()
    build_seconds, settings = 0.0, []
    for setting, search in PEERS[name](matrix, folder):
        build_seconds = build_seconds or time.perf_counter() - started
        settings.append([setting, *measure(search, queries, true)])
    print(json.dumps({"build_seconds": build_seconds, "settings": settings}))


if __name__ == "__main__":
    main()
