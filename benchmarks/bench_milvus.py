"""Milvus beside the local index: the same queries to both, one client, on one machine.

    .venv/bin/python benchmarks/bench_milvus.py [20000,50000]

Starts the standalone server that `make test-slow` installs. The smaller size is searched
exhaustively by both, the larger one by codes here and by a graph there. Ends with one JSON line.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import search_data

sys.path.insert(0, str(Path(__file__).parents[1]))

from soundalike.ingest import milvus_versions
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.milvus_index import MilvusIndex
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.kinds import kind_for
from soundalike.vectors.milvus.server import Milvus
from soundalike.vectors.neighbours import NeighbourQuery, SearchIndex, TrackSet
from tests.milvus import is_installed, standalone

K = 30  # what a page of ten asks for
QUERIES = 60
Ask = Callable[[int], NeighbourQuery]


def milliseconds(index: SearchIndex, ask: Ask) -> float:
    """The median of a search."""
    took = []
    for number in range(QUERIES):
        query, started = ask(number), time.perf_counter()
        index.neighbours([query])
        took.append(1000 * (time.perf_counter() - started))
    return median(took)


def equal(local: SearchIndex, remote: SearchIndex, ask: Ask) -> float:
    """The share of queries with equal ids and equal bits of scores."""
    same = 0
    for query in map(ask, range(QUERIES)):
        [ours], [theirs] = local.neighbours([query]), remote.neighbours([query])
        same += (ours.track_ids, ours.scores.tobytes()) == (
            theirs.track_ids,
            theirs.scores.tobytes(),
        )
    return same / QUERIES


def measured(milvus: Milvus, store: ArtifactStore, tracks: int) -> dict[str, float]:
    """Write a version into Milvus and ask both."""
    matrix, queries = search_data.collection(tracks)
    kind = kind_for(tracks)
    local = OpenIndex.open(store.index(search_data.write_artifact(store, matrix, kind.name)))
    named = local.manifest.model_copy(update={"version": f"bench{tracks}"})
    local = OpenIndex(named, local.segments)
    started = time.perf_counter()
    milvus_versions._write(milvus, local)
    wrote = time.perf_counter() - started
    started = time.perf_counter()
    remote = MilvusIndex.open(milvus, local.manifest)
    opened = time.perf_counter() - started
    some = TrackSet(local.track_ids, np.arange(0, tracks, 100))
    half = TrackSet(local.track_ids, np.arange(0, tracks, 2))
    asked: dict[str, Ask] = {
        "unfiltered": lambda n: NeighbourQuery(queries[n : n + 1], K),
        "filter 1 %": lambda n: NeighbourQuery(queries[n : n + 1], K, allowed=some),
        "filter 50 %": lambda n: NeighbourQuery(queries[n : n + 1], K, allowed=half),
    }
    figures = {"write and measure, s": wrote, "open, s": opened}
    print(f"\n{tracks} x {matrix.shape[1]} ({kind.name}): written in {wrote:.0f} s")
    print(f"{'':12} {'local ms':>9} {'Milvus ms':>10} {'equal answers':>14}")
    for name, ask in asked.items():
        ours, theirs = milliseconds(local, ask), milliseconds(remote, ask)
        share = equal(local, remote, ask)
        print(f"{name:12} {ours:9.1f} {theirs:10.1f} {share:14.3f}")
        figures |= {f"{name}, local ms": ours, f"{name}, ms": theirs, f"{name}, equal": share}
    return {f"{tracks}: {name}": round(value, 3) for name, value in figures.items()}


def main(sizes: str = "20000,50000") -> None:
    """Measure each size on one server."""
    if not is_installed():
        print("Milvus' server is not installed: make .cache/milvus/.installed, on Linux and x86_64")
        return
    figures: dict[str, float] = {}
    with standalone() as url, tempfile.TemporaryDirectory() as folder:
        milvus, store = Milvus(url), ArtifactStore(Path(folder))
        for tracks in map(int, sizes.split(",")):
            figures |= measured(milvus, store, tracks)
        milvus.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
