"""The same queries against other libraries that a user might choose: recall and time.

Each searches for one query at a time, in one thread. Of its settings the fastest with a recall@10
of 0.99 is shown, or the best where none reaches that. The libraries are in an environment of their
own, which `make bench-search` sets up.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import search_data
from peer_search import BREADTHS, PEERS, K, measure
from sqlalchemy import create_engine, text

from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.kinds import KindName
from soundalike.vectors.queries import VectorQuery

ENOUGH = 0.99
QUERIES = 100
Measured = tuple[float, list[list[float]]]  # build seconds; setting, recall, ms


def ours(name: KindName, matrix: search_data.Matrix, folder: Path) -> Measured:
    """Our own kinds, in this process."""
    store, started = ArtifactStore(folder / "ours"), time.perf_counter()
    index = OpenIndex.open(store.index(search_data.write_artifact(store, matrix, name)))
    build = time.perf_counter() - started
    queries, true = np.load(folder / "queries.npy"), np.load(folder / "true.npy")
    recall_and_time = measure(
        lambda query: index.search([VectorQuery(query[None], K)])[0].rows, queries, true
    )
    return build, [[0, *recall_and_time]]


def elsewhere(peer: str, python: str, folder: Path) -> Measured:
    """A library in its own environment."""
    worker = str(Path(__file__).with_name("peer_search.py"))
    quiet = {**os.environ, "RUST_LOG": "error"}
    command = [python, worker, peer, str(folder)]
    ended = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(ended.stdout.splitlines()[-1])
    return figures["build_seconds"], figures["settings"]


def pgvector(url: str, folder: Path) -> Measured:
    """In a PostgreSQL as soundalike itself starts one, through a Unix socket."""
    matrix = np.load(folder / "vectors.npy", mmap_mode="r")
    queries, true = np.load(folder / "queries.npy"), np.load(folder / "true.npy")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        started = time.perf_counter()
        connection.execute(text("create extension vector"))
        connection.execute(text(f"create table v (id int, e vector({matrix.shape[1]}))"))
        cursor = connection.connection.cursor()
        with cursor.copy("copy v from stdin") as copy:  # type: ignore[attr-defined]
            for row, vector in enumerate(matrix):
                copy.write_row((row, "[" + ",".join(map(str, vector.tolist())) + "]"))
        connection.execute(text("set maintenance_work_mem = '2GB'"))
        connection.execute(text("create index on v using hnsw (e vector_ip_ops)"))
        build, settings = time.perf_counter() - started, []
        wanted = "select id from v order by e <#> %s::vector limit 10"

        def search(query: search_data.Matrix) -> object:
            cursor.execute(wanted, ("[" + ",".join(map(str, query.tolist())) + "]",))
            return np.array([row[0] for row in cursor.fetchall()])

        for breadth in BREADTHS:
            connection.execute(text(f"set hnsw.ef_search = {breadth}"))
            settings.append([breadth, *measure(search, queries, true)])
    engine.dispose()
    return build, settings


def shown(name: str, measured: Measured) -> dict[str, float]:
    build, settings = measured
    good = [one for one in settings if one[1] >= ENOUGH] or [max(settings, key=lambda s: s[1])]
    setting, recall, took = min(good, key=lambda one: one[2])
    print(
        f"  {name:<12} recall {recall:.4f} {took:8.2f} ms   built in {build:7.1f} s"
        + (f"   (setting {setting})" if setting else "")
    )
    short = name.rpartition("+")[2]
    return {f"peer_{short}_recall": recall, f"peer_{short}_ms": took, f"peer_{short}_build": build}


def main() -> None:
    count, python = int(sys.argv[2]), sys.argv[3]
    matrix, queries = search_data.collection(count)
    queries = queries[:QUERIES]
    plain = faiss.IndexFlatIP(matrix.shape[1])
    plain.add(matrix)
    print(f"\npeers, {count} x {matrix.shape[1]}, one query at a time, one thread, k = {K}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        np.save(folder / "vectors.npy", matrix)
        np.save(folder / "queries.npy", queries)
        np.save(folder / "true.npy", plain.search(queries, K)[1])
        figures: dict[str, float] = {}
        kinds: tuple[KindName, ...] = ("flat", "flat+pq")
        for kind in kinds:
            figures |= shown(kind, ours(kind, matrix, folder))
        for peer in PEERS:
            figures |= shown(peer, elsewhere(peer, python, folder))
        with connected_database(Settings(data=folder / "pg"), durable=False) as url:
            figures |= shown("pgvector", pgvector(url, folder))
    print(json.dumps({f"{key}_{count}": value for key, value in figures.items()}))


if __name__ == "__main__":
    main()
