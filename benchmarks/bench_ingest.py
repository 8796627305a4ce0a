"""The time that an album takes in a large library: from its files to being served.

    make bench-ingest

Libraries of 1 000, 10 000 and 100 000 tracks of 768 dimensions (simulated_library.py), and with
`python benchmarks/bench_ingest.py 10000 1000000` also one of a million of 512 (large_library.py)
and `album_growth` from the one to the other, on the private PostgreSQL with fsync. Decoding and the
model are not counted; everything else is. Imports are left out of garbage collection, as a run and
the service leave theirs. As in `up`, a sensor has ticked since the last index was published
(`first_compare`: it hashes the files).
Baselines: a bare walk that only stats every file, and writing and hashing the index's bytes once.
Then what a run and each further batch in it cost besides the music (run_overhead.py), and the whole
main job on 400 tracks (main_job.py).
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from large_library import LargeLibrary, space_of
from main_job import main_job
from run_overhead import overheads
from simulated_library import ALBUM, SPACE, SimulatedLibrary

from serving.index.live_index import LiveIndex
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.batch_summaries import settle
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.publications import published
from soundalike.catalog.upgrade import upgrade
from soundalike.garbage_collection import imports_frozen
from soundalike.ingest.build_index import build_index
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.postgres import connected_database
from soundalike.resource_usage import Monitor
from soundalike.settings import Settings
from soundalike.storage.atomic import fsync, remove_folder, sha256_of
from soundalike.storage.layout import ArtifactStore

SIZES = (1_000, 10_000, 100_000)
MEDIUM, LARGE = 10_000, 1_000_000
MIB = 2**20
ALBUMS = 3  # of which the middle counts, after one that is the first in this process
SERVED = ("scan", "stages", "compare", "build", "asset_check", "publish", "swap")
T = TypeVar("T")


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], T]) -> T:
        """Run `work` and record how long it took."""
        started = time.perf_counter()
        result = work()
        self.steps[step] = time.perf_counter() - started
        return result


def measured(size: int, folder: Path) -> dict[str, float]:
    """All figures of one library."""
    store = ArtifactStore(folder / "data")
    large = size >= LARGE
    kind, space = (LargeLibrary, space_of(512)) if large else (SimulatedLibrary, SPACE)
    with (
        imports_frozen(),
        connected_database(Settings(data=store.root)) as url,
        Decoders() as decoders,
    ):
        upgrade(url)
        sessions = open_catalog(url)
        library = kind(folder / "music", sessions, store, decoders, size, space)
        clock, live = Clock(), LiveIndex(store)
        clock.time("fill", library.fill)
        settle(sessions)  # a sensor's tick
        serve(library, clock, live)  # the index before the album, which is not measured
        with Monitor() as monitor:
            before = monitor.usage().peak_rss_bytes
            clock.time("scan_nothing_new", library.scan)
        growth = (monitor.usage().peak_rss_bytes - before) / MIB
        clock.time("walk_baseline", lambda: walk(library.music))
        settle(sessions)  # a tick again
        clock.time("first_compare", lambda: next_index(sessions, store, space, "auto"))
        clock.steps["scan_album"] = ingested(library, live, watched=False)["scan"]
        built = bytes_of_indexes(store)
        albums = [ingested(library, live, watched=True) for _ in range(ALBUMS)]
        written = (bytes_of_indexes(store) - built) / ALBUMS
        clock.steps["album_bytes_ratio"] = written / (ALBUM * space.dimension * 4)
        clock.steps |= {step: median(album[step] for album in albums) for step in SERVED}
        if live.served is None or len(live.served.index) != size + (1 + ALBUMS) * ALBUM:
            raise SystemExit(f"an album is not served: {live.problem}")
        clock.time("bytes_baseline", lambda: rewrite(store))
        clock.time("open_after_restart", lambda: reopened(store, sessions))
        rebuild(library, clock)
        sessions.kw["bind"].dispose()
    return {**clock.steps, "scan_memory_growth_mib": growth}


def ingested(library: SimulatedLibrary, live: LiveIndex, *, watched: bool) -> dict[str, float]:
    """Seconds by step of a new album; if `watched`, its folder alone is scanned."""
    clock = Clock()
    settle(library.sessions)  # a tick again
    next_index(library.sessions, library.store, library.space, "auto")
    album = library.add_album()
    folders = [album] if watched else []
    [batch] = clock.time("scan", lambda: library.scan(*folders)).batches
    uncounted = clock.time("stages", lambda: library.embed_album(batch))
    clock.steps["stages"] -= uncounted
    serve(library, clock, live)
    return clock.steps


def serve(library: SimulatedLibrary, clock: Clock, live: LiveIndex) -> None:
    """Build, check as Dagster does, publish, and swap the live index."""
    sessions, store, space = library.sessions, library.store, library.space
    wanted = clock.time("compare", lambda: next_index(sessions, store, space, "auto"))
    if wanted.version is None:
        raise SystemExit(wanted.reason)
    clock.time("build", lambda: build_index(sessions, store, space, "auto"))
    clock.time("asset_check", lambda: check_candidate(sessions, store, space))
    clock.time("publish", lambda: publish(sessions, store, space, None))
    with sessions() as session:
        row = published(session)
    clock.time("swap", lambda: asyncio.run(live.follow(row)))


def walk(folder: Path) -> int:
    """The lower bound of any scan: list every folder and stat every file."""
    total = 0
    with os.scandir(folder) as entries:
        for item in entries:
            total += walk(Path(item.path)) if item.is_dir() else item.stat().st_size
    return total


def reopened(store: ArtifactStore, sessions: Sessions) -> None:
    """Open the served version as a worker does that was started anew."""
    live = LiveIndex(store)
    with sessions() as session:
        row = published(session)
    asyncio.run(live.follow(row))
    if live.served is None:
        raise SystemExit(live.problem)


def rebuild(library: SimulatedLibrary, clock: Clock) -> None:
    """Build the served version from the batches' vectors alone."""
    sessions, store, space = library.sessions, library.store, library.space
    remove_folder(store.indexes)
    remove_folder(store.segments)
    clock.time("full_rebuild", lambda: build_index(sessions, store, space, "auto"))


def bytes_of_indexes(store: ArtifactStore) -> int:
    """The bytes of all versions and segments."""
    files = [*store.indexes.rglob("*"), *store.segments.rglob("*")]
    return sum(path.stat().st_size for path in files if path.is_file())


def rewrite(store: ArtifactStore) -> None:
    """The lower bound of writing an index anew: write its largest file, fsync, and hash it."""
    source = max(store.segments.glob("*/index.faiss"), key=lambda path: path.stat().st_size)
    copy = store.root / "copy"
    copy.write_bytes(source.read_bytes())
    fsync(copy)
    sha256_of(copy)
    copy.unlink()


NAMED = (
    *("scan_nothing_new", "album_to_served", "album_to_served_watched"),
    *("open_after_restart", "full_rebuild"),
)


def main(sizes: tuple[int, ...]) -> None:
    table = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="soundalike-bench-") as name:
            Path(name).chmod(0o755)  # root's private server runs as nobody
            table[size] = measured(size, Path(name))
    for figures in table.values():
        served = sum(figures[step] for step in SERVED)
        figures["album_to_served_watched"] = served
        figures["album_to_served"] = served - figures["scan"] + figures["scan_album"]
    print(f"{'seconds':<28}" + "".join(f"{size:>12,}" for size in table))
    for step in next(iter(table.values())):
        print(f"{step:<28}" + "".join(f"{figures[step]:12.2f}" for figures in table.values()))
    largest = table[max(table)]
    figures = {
        f"{name}_s_{'1m' if size == LARGE else f'{size // 1000}k'}": round(seconds[name], 3)
        for size, seconds in table.items()
        for name in NAMED
    }
    figures["album_bytes_ratio"] = round(largest["album_bytes_ratio"], 1)
    figures["scan_ratio_vs_bare_walk"] = round(
        largest["scan_nothing_new"] / largest["walk_baseline"], 2
    )
    figures["album_ratio_vs_writing_the_index"] = round(
        largest["album_to_served"] / largest["bytes_baseline"], 2
    )
    figures["scan_memory_growth_mib"] = round(largest["scan_memory_growth_mib"], 1)
    if max(table) == LARGE:
        if MEDIUM in table:
            watched = "album_to_served_watched"
            figures["album_growth"] = round(table[LARGE][watched] / table[MEDIUM][watched], 2)
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory(prefix="soundalike-bench-") as name:
        Path(name).chmod(0o755)
        costs = overheads(Path(name))
    for figure, value in {**costs, **main_job()}.items():
        print(f"{figure:<28}{value:12.2f}")
        figures[figure] = round(value, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
