"""Ways to find candidates that were tried: each with the same exact scores after it.

    python benchmarks/search_codes.py            100 000 x 768, ten minutes
    python benchmarks/search_codes.py 20000

One query at a time, one thread, k = 10. Ends with one JSON line.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when faiss loads

import faiss
import numpy as np
import search_data
import torch
from numpy.typing import NDArray
from search_single import milliseconds

from soundalike.vectors.index.exact import ExactVectors, StoredVectors
from soundalike.vectors.index.knn import MIN_CANDIDATES
from soundalike.vectors.index.quantizer import rotation, write_codes
from soundalike.vectors.index.rows import RowNumbers
from soundalike.vectors.index.scoring import top_k

K, IP = 10, faiss.METRIC_INNER_PRODUCT
WIDE = 4 * MIN_CANDIDATES
Matrix = search_data.Matrix
Rows = NDArray[np.int64]
Search = Callable[[Matrix, int], Rows]  # a query [1, dim] and how many candidates


def product_codes(matrix: Matrix) -> Search:
    """The codes of flat+pq."""
    with tempfile.NamedTemporaryFile() as file:
        write_codes(Path(file.name), matrix)
        index = faiss.read_index(file.name)
    return lambda query, count: index.search(query, count)[1][0]


def one_bit(matrix: Matrix, dimensions: int = search_data.DIMENSION) -> Search:
    """RaBitQ of the first of the rotated dimensions, as flat+rabitq had of all."""
    turned = rotation(matrix.shape[1])
    rotated = np.ascontiguousarray(turned.apply(matrix)[:, :dimensions])
    index = faiss.IndexRaBitQFastScan(dimensions, IP)
    index.train(rotated.mean(axis=0)[None])
    index.add(rotated)
    return lambda query, count: index.search(
        np.ascontiguousarray(turned.apply(query)[:, :dimensions]), count
    )[1][0]


def lists(matrix: Matrix, probes: int) -> Search:
    """RaBitQ in 1024 lists, as ivf had."""
    quantizer = faiss.IndexFlatIP(matrix.shape[1])
    inner = faiss.IndexIVFRaBitQFastScan(quantizer, matrix.shape[1], 1024, IP)
    index = faiss.IndexPreTransform(rotation(matrix.shape[1]), inner)
    index.train(matrix)
    index.add(matrix)
    inner.nprobe = probes
    kept = quantizer, inner, index
    return lambda query, count: kept[2].search(query, count)[1][0]


def bytes_by_torch(matrix: Matrix) -> Search:
    """All vectors in 8 bits a dimension, multiplied as integers (VNNI where the CPU has it)."""
    scale = 127 / np.abs(matrix).max()
    whole = torch.from_numpy(np.rint(matrix * scale).astype(np.int8)).T
    torch.set_num_threads(1)

    def search(query: Matrix, count: int) -> Rows:
        row = torch.from_numpy(np.rint(query * scale).clip(-127, 127).astype(np.int8))
        return torch.topk(torch._int_mm(row, whole)[0], count).indices.numpy()

    return search


def graph(index: faiss.IndexHNSW, matrix: Matrix, breadth: int) -> Search:
    """A graph of faiss over vectors or codes."""
    index.hnsw.efConstruction = 200
    if not index.is_trained:
        index.train(matrix)
    index.add(matrix)
    index.hnsw.efSearch = breadth
    return lambda query, _: index.search(query, breadth)[1][0]


DIMENSION = search_data.DIMENSION
WAYS: dict[str, tuple[int, Callable[[Matrix], Search]]] = {
    "flat+pq, 2 bits a dimension": (MIN_CANDIDATES, product_codes),
    "1 bit a dimension": (MIN_CANDIDATES, one_bit),
    "1 bit, 256 dimensions, then exact": (WIDE, lambda m: one_bit(m, 256)),
    "1 bit in lists, 64 probed": (MIN_CANDIDATES, lambda m: lists(m, 64)),
    "1 bit in lists, 256 probed": (MIN_CANDIDATES, lambda m: lists(m, 256)),
    "8 bits, integer products": (MIN_CANDIDATES, bytes_by_torch),
    "graph of vectors, 64": (64, lambda m: graph(faiss.IndexHNSWFlat(DIMENSION, 16, IP), m, 64)),
    "graph of 8-bit vectors, 64": (
        64,
        lambda m: graph(faiss.IndexHNSWSQ(DIMENSION, faiss.ScalarQuantizer.QT_8bit, 16, IP), m, 64),
    ),
}


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else 100_000
    matrix, queries = search_data.collection(count)
    plain = faiss.IndexFlatIP(matrix.shape[1])
    plain.add(matrix)
    _, true = plain.search(queries, K)
    exact = ExactVectors(RowNumbers([np.arange(count)], [None]), [StoredVectors(plain)])
    figures: dict[str, float] = {}
    print(f"{count} x {matrix.shape[1]}, one query at a time, one thread, k = {K}")
    for name, (candidates, build) in WAYS.items():
        started = time.process_time()
        search = build(matrix)
        built = time.process_time() - started

        def hits(n: int, search: Search = search, candidates: int = candidates) -> Rows:
            rows = search(queries[n : n + 1], candidates)
            rows = rows[rows >= 0]
            return rows[top_k(exact.scores(queries[n], rows), rows, K)]

        recall = np.mean([np.isin(t, hits(n)).mean() for n, t in enumerate(true)])
        took = milliseconds(hits)
        print(f"  {name:<34} recall {recall:.4f} {took:7.2f} ms   {built:6.1f} s of CPU to build")
        figures |= {f"{name}: recall": float(recall), f"{name}: ms": took}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
