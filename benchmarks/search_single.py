"""One query at a time in one thread: kinds against IndexFlatIP and the memory; filters."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import search_data
from numpy.typing import NDArray

from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import CODES
from soundalike.vectors.index.knn import MIN_CANDIDATES
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.kinds import KindName
from soundalike.vectors.queries import VectorQuery

K = 10
KINDS: tuple[KindName, ...] = ("flat", "flat+pq")
SHARES = (0.5, 0.1, 0.01, 0.001)
ROUNDS, QUERIES = 3, 64
FLOAT = 4


def milliseconds(search: Callable[[int], object], queries: int = QUERIES) -> float:
    """The median over the queries, of the best of three rounds: others use the machine too."""
    times = np.empty((ROUNDS, queries))
    for turn in range(ROUNDS):
        for number in range(queries):
            started = time.perf_counter()
            search(number)
            times[turn, number] = time.perf_counter() - started
    return float(np.median(times.min(axis=0))) * 1000


def bytes_a_second(matrix: NDArray[np.float32]) -> float:
    """One thread's memory bandwidth, by the norms of all vectors: a flat search reads as much."""
    norms = np.empty(len(matrix), np.float32)

    def read(_: int) -> None:
        faiss.fvec_norms_L2sqr(
            faiss.swig_ptr(norms), faiss.swig_ptr(matrix), matrix.shape[1], len(matrix)
        )

    return matrix.nbytes / milliseconds(read, queries=8) * 1000


def kinds(
    store: ArtifactStore, matrix: search_data.Matrix, queries: search_data.Matrix
) -> dict[str, float]:
    """Time and recall@10 of each kind, in the same run as plain IndexFlatIP."""
    count = len(matrix)
    plain = faiss.IndexFlatIP(matrix.shape[1])
    plain.add(matrix)
    _, true = plain.search(queries, K)
    base = milliseconds(lambda n: plain.search(queries[n : n + 1], K))
    bandwidth = bytes_a_second(matrix)
    print(f"\n{count} x {matrix.shape[1]}, one query at a time, one thread, k = {K}")
    print(f"  memory {bandwidth / 1e9:.1f} GB/s; IndexFlatIP {base:.2f} ms, its floor is ", end="")
    print(f"{matrix.nbytes / bandwidth * 1000:.2f} ms")
    figures = {f"flat_ip_ms_{count}": base}
    for name in KINDS:
        folder = store.index(search_data.write_artifact(store, matrix, name))
        index = OpenIndex.open(folder)
        hits = [index.search([VectorQuery(query[None], K)])[0].rows for query in queries]
        recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(hits, true, strict=True)])
        took = milliseconds(lambda n, i=index: i.search([VectorQuery(queries[n : n + 1], K)]))
        read = matrix.nbytes
        if name == "flat+pq":
            read = (folder / CODES).stat().st_size + MIN_CANDIDATES * matrix.shape[1] * FLOAT
        floor = read / bandwidth * 1000
        share = f"{floor / took:5.0%} of its floor"
        print(f"  {name:<12} {took:8.2f} ms {base / took:7.1f} x  recall {recall:.4f}  {share}")
        short = name.rpartition("+")[2]
        figures |= {
            f"{short}_ms_{count}": took,
            f"{short}_speedup_{count}": base / took,
            f"{short}_recall_at_10_{count}": float(recall),
            **({f"bandwidth_floor_share_{count}": floor / took} if short == "pq" else {}),
        }
    return figures


def filters(
    store: ArtifactStore, matrix: search_data.Matrix, queries: search_data.Matrix
) -> dict[str, float]:
    """Search among allowed rows: the time by their share; recall against brute force."""
    count, random = len(matrix), np.random.default_rng(5)
    index = OpenIndex.open(store.index(search_data.write_artifact(store, matrix, "flat")))
    base = milliseconds(lambda n: index.search([VectorQuery(queries[n : n + 1], K)]), queries=16)
    print(f"  filtered, against {base:.2f} ms of unfiltered flat:")
    figures = {}
    for share in SHARES:
        rows = np.flatnonzero(random.random(count) < share)
        took = milliseconds(
            lambda n, r=rows: index.search([VectorQuery(queries[n : n + 1], K, allowed_rows=r)]),
            queries=16,
        )
        right = [
            set(index.search([VectorQuery(query[None], K, allowed_rows=rows)])[0].rows)
            == set(rows[np.argsort(-(matrix[rows] @ query))[:K]])
            for query in queries[:32]
        ]
        print(
            f"    {share:6.1%} {took:8.2f} ms {took / base:6.2f} of flat,"
            f" right {np.mean(right):.3f}"
        )
        figures |= {
            f"filter_{share}_of_flat_{count}": took / base,
            f"filter_{share}_right_{count}": float(np.mean(right)),
        }
    return figures


def main() -> None:
    store, count = ArtifactStore(Path(sys.argv[1])), int(sys.argv[2])
    matrix, queries = search_data.collection(count)
    figures = kinds(store, matrix, queries) | filters(store, matrix, queries)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
