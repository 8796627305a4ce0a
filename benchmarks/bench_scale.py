"""A library of 100 000 and of 1 000 000 tracks, simulated, through sensors, build, filters and API.

    make bench-scale                        about 5 minutes, 12 GB of disk
    python benchmarks/bench_scale.py 1000000 --folder DIR     keeps the library for another time
    python benchmarks/bench_scale.py 10000000 --dimension 128    45 minutes, 40 GB

Nothing of it is music: rows and vectors are made up (large_library.py). Each size is measured in a
process of its own, for its memory. Decoding and models are not in it, nor the listing of folders,
which is `make bench-ingest`'s.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import search_service
from bench_ingest import Clock
from large_library import LargeLibrary, space_of
from peak_memory import Peak
from scale_parts import anonymous_bytes, api_ms, filter_ms, read_columns, ticks
from sqlalchemy import text

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.batch_summaries import settle
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.upgrade import upgrade
from soundalike.ingest.build_index import build_index
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.publish import publish
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.atomic import remove_folder
from soundalike.storage.layout import ArtifactStore

SIZES = (100_000, 1_000_000)
WORKERS = 2
MIB = 2**20
ALBUM_GOES = text(
    "update files set gone_at = now(), gone_as_of_batch = 0 where track_id = any(:tracks)"
)
ALBUM = text("select track_id from files where gone_at is null order by path limit 10")


def measured(size: int, folder: Path, dimension: int) -> dict[str, float]:
    """All figures of one library."""
    store, space = ArtifactStore(folder / "data"), space_of(dimension)
    with connected_database(Settings(data=store.root)) as url, Decoders() as decoders:
        upgrade(url)
        sessions, clock = open_catalog(url), Clock()
        library = LargeLibrary(
            folder / "music", sessions, store, decoders, size, space, with_files=False
        )
        if store.embeddings.exists():
            forget(library)
        else:
            clock.time("fill_s", library.fill)
        figures = building(library, clock)
        figures |= ticks(library, "idle")
        gone(sessions)
        figures |= ticks(library, "album", repeats=1)
        clock.time("album_build_s", lambda: build_index(sessions, store, space, "auto"))
        clock.time("album_publish_s", lambda: publish(sessions, store, space, None))
        own = {"database_url": url, "log_level": "ERROR"}
        settings = Settings(data=store.root).model_copy(update=own)
        with Peak(anonymous_bytes, every_seconds=0.05) as peak:
            columns, index = read_columns(settings, sessions, clock)
        figures["columns_growth_mb"] = (peak.size - peak.before) / 1e6
        figures |= filter_ms(columns, index) | api_ms(settings)
        figures |= memory(url, store, clock)
        sessions.kw["bind"].dispose()
    return clock.steps | figures


def forget(library: LargeLibrary) -> None:
    """Forget what was made of a library that was kept, but for its vectors."""
    store = library.store
    for folder in (store.indexes, store.segments, store.columns):
        if folder.exists():
            remove_folder(folder)
    with library.sessions.begin() as session:
        session.execute(text("truncate batch_summaries, space_summaries"))


def building(library: LargeLibrary, clock: Clock) -> dict[str, float]:
    """Summaries for the first time, the first index, its check, publication, and their memory."""
    sessions, store, space = library.sessions, library.store, library.space
    clock.time("first_summaries_s", lambda: settle(sessions))
    with Peak(anonymous_bytes, every_seconds=0.05) as peak:
        clock.time("build_s", lambda: build_index(sessions, store, space, "auto"))
        clock.time("check_s", lambda: check_candidate(sessions, store, space))
        clock.time("publish_s", lambda: publish(sessions, store, space, None))
    growth = peak.size - peak.before
    return {"build_peak_mb": peak.size / 1e6, "build_growth_mb": growth / 1e6}


def gone(sessions: Sessions) -> None:
    """Mark an album's files as gone, as a scan does."""
    with sessions.begin() as session:
        session.execute(ALBUM_GOES, {"tracks": [*session.scalars(ALBUM)]})


def memory(url: str, store: ArtifactStore, clock: Clock) -> dict[str, float]:
    """The memory of a service with two workers, in which shared pages count once."""
    with ExitStack() as stack:
        _, pid = clock.time(
            "service_start_s",
            lambda: stack.enter_context(search_service.served(url, store.root, workers=WORKERS)),
        )
        time.sleep(5)  # until the other worker serves too
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        infos = [process.memory_full_info() for process in tree]
    return {
        "two_workers_pss_mib": sum(info.pss for info in infos) / MIB,
        "two_workers_private_mib": sum(info.uss for info in infos) / MIB,
    }


def in_own_process(size: int, folder: Path, dimension: int) -> dict[str, Any]:
    """Measure a size in a process of its own."""
    command = [sys.executable, __file__, str(size), "--folder", str(folder), "--alone"]
    command += ["--dimension", str(dimension)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--dimension", type=int, default=512, help="of the vectors")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(measured(asked.sizes[0], asked.folder, asked.dimension)))
        return
    table = {}
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(prefix="soundalike-bench-") as name:
            folder = (asked.folder or Path(name)) / str(size)
            folder.mkdir(parents=True, exist_ok=True)
            for opened in (Path(name), folder):
                opened.chmod(0o755)  # root's private server runs as nobody
            table[size] = in_own_process(size, folder, asked.dimension)
    names = dict.fromkeys(name for figures in table.values() for name in figures)
    print(f"{'':<32}" + "".join(f"{size:>12,}" for size in table))
    for name in names:
        print(f"{name:<32}" + "".join(f"{f.get(name, float('nan')):12.3f}" for f in table.values()))
    print(json.dumps(closing(table)))


def closing(table: dict[int, dict[str, float]]) -> dict[str, float]:
    """The figures of the closing line, named by size."""
    names = ("sensor_tick_ms", "build_peak_mb", "filter_ms", "two_workers_pss_mib")
    found = {
        f"{name}_{short(size)}": round(figures[name], 3)
        for size, figures in table.items()
        for name in names
    }
    fewest, most = min(table), max(table)
    if fewest < most:
        more = table[most]["two_workers_pss_mib"] - table[fewest]["two_workers_pss_mib"]
        found["bytes_per_track"] = round(more * MIB / (most - fewest), 1)
    return found


def short(size: int) -> str:
    return f"{size // 10**6}m" if size >= 10**6 else f"{size // 1000}k"


if __name__ == "__main__":
    main()
