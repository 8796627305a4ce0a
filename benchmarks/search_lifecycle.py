"""Build, publish, swap; and what two workers cost in memory together."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil
import search_data
import search_service

from serving.index.private_copy import private_copy
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import INDEX, read_manifest, verify_files
from soundalike.vectors.kinds import kind_for
from soundalike.vectors.recall import check_recall

MIB = 2**20


def seconds_since(started: float) -> float:
    return time.perf_counter() - started


def workers_of(pid: int) -> list[psutil.Process]:
    """Processes that have an index open: uvicorn's supervisor has none."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [
        process
        for process in tree
        if any(INDEX in Path(mapped.path).name for mapped in process.memory_maps(grouped=True))
    ]


def memory(pid: int) -> tuple[int, float, float]:
    """Workers; their PSS together, in which shared pages count once, and their RSS, in MiB."""
    workers = workers_of(pid)
    infos = [process.memory_full_info() for process in workers]
    return len(workers), sum(i.pss for i in infos) / MIB, sum(i.rss for i in infos) / MIB


def opening(store: ArtifactStore, version: str) -> dict[str, float]:
    """Seconds to open a version where it lies, and from private copies as the API does."""
    started = time.perf_counter()
    OpenIndex.open(store.index(version))
    in_place = seconds_since(started)
    started = time.perf_counter()
    with private_copy(store.index(version), store.scratch) as copies:
        OpenIndex.open(copies)
    private = seconds_since(started)
    return {
        "open_in_place_seconds": in_place,
        "open_private_seconds": private,
        "open_private_ratio": private / in_place,
    }


def main() -> None:
    root, count = Path(sys.argv[1]), int(sys.argv[2])
    store = ArtifactStore(root)
    matrix, _ = search_data.collection(count)
    kind = kind_for(count).name
    shutil.rmtree(root, ignore_errors=True)
    started = time.perf_counter()
    version = search_data.write_artifact(store, matrix, kind)
    figures = {"build_seconds": seconds_since(started)}
    del matrix
    started = time.perf_counter()
    check = check_recall(OpenIndex.open(store.index(version)))
    figures["open_and_check_seconds"] = seconds_since(started)
    figures |= opening(store, version)
    started = time.perf_counter()
    verify_files(store.index(version), read_manifest(store.index(version)))
    figures["publish_verify_seconds"] = seconds_since(started)
    print(f"\n{count} tracks, {kind}: {check.detail}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        with connected_database(Settings(data=Path(name)), durable=False) as url:
            search_service.fill(url, 1)
            small, _ = search_data.collection(1000)
            search_service.publish(url, search_data.write_artifact(store, small, "flat"), 1000)
            with search_service.served(url, root, workers=2) as (port, pid):
                started = time.perf_counter()
                search_service.publish(url, version, count)
                search_service.wait_until_served(port, version)
                figures["publish_to_served_seconds"] = seconds_since(started)
                while len(workers_of(pid)) < 2 or search_service.version_at(port) != version:  # noqa: PLR2004
                    time.sleep(0.1)
                time.sleep(5)  # the other worker has been notified as well
                workers, pss, rss = memory(pid)
    figures |= {"workers": workers, "pss_mib": pss, "rss_mib": rss}
    for name, value in figures.items():
        print(f"  {name.replace('_', ' '):<28} {value:10.1f}")
    print(json.dumps({f"{name}_{count}": value for name, value in figures.items()}))


if __name__ == "__main__":
    main()
