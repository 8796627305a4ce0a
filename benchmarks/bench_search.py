"""Search: kinds, filters, words, concurrent clients, HTTP, peers, and the life of an index.

    make bench-search                          10 000, 100 000 and 500 000 x 768; an hour or so
    make bench-search TRACKS=10000             smaller

Each part is a process of its own with one OpenMP thread, as the service runs. Prints tables and
ends with one JSON line. Ratios are within a part, so within one run of one process.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PEERS = FOLDER.parent / ".cache" / "bench-search" / "bin" / "python"
SIZES = "10000,100000,500000"
# Peers take minutes a 100 000 to build; what a user has is the middle size.
PARTS = {
    "search_single": lambda sizes: sizes,
    "search_segments": lambda sizes: [middle(sizes)],
    "search_text": lambda sizes: [middle(sizes)],
    "search_guard": lambda sizes: [middle(sizes)],
    "search_live": lambda sizes: sizes,
    "search_http": lambda sizes: [middle(sizes)],
    "search_peers": lambda sizes: [middle(sizes)],
    "search_lifecycle": lambda sizes: [max(sizes)],
}
Figures = dict[str, float]


def middle(sizes: list[int]) -> int:
    """The middle size: 100 000 of the default ones."""
    return sorted(sizes)[len(sizes) // 2]


def run(part: str, folder: Path, tracks: int) -> Figures:
    """Run a part as a process: print its tables; its last line has its figures."""
    command = [sys.executable, str(FOLDER / f"{part}.py"), str(folder), str(tracks), str(PEERS)]
    paths = f"{FOLDER.parent}{os.pathsep}{FOLDER}"
    settings = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": paths,
        "PYTHONUNBUFFERED": "1",
        "LANCE_LOG": "error",
    }
    figures = "{}"
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    ) as child:
        for line in child.stdout or ():
            if line.startswith("{"):
                figures = line
            elif "[info" not in line:
                print(line, end="", flush=True)
    if child.returncode:
        sys.exit(f"{part} failed at {tracks} tracks")
    parsed: Figures = json.loads(figures)
    return parsed


def closing(figures: Figures, size: int) -> Figures:
    """The most important figures first, then all others."""
    named = {
        f"search_ms_{size // 1000}k": figures[f"pq_ms_{size}"],
        f"search_recall_{size // 1000}k": figures[f"pq_recall_at_10_{size}"],
        f"search_speedup_{size // 1000}k": figures[f"pq_speedup_{size}"],
        f"hnswlib_ms_{size // 1000}k": figures[f"peer_hnswlib_ms_{size}"],
        f"bandwidth_floor_share_{size // 1000}k": figures[f"bandwidth_floor_share_{size}"],
        f"text_ms_{size // 1000}k": figures[f"text_ms_{size}"],
        f"http_rps_1_worker_{size // 1000}k": figures["http_requests_a_second_16_clients"],
        "http_p99_ms": figures["http_p99_ms_1_clients"],
        "http_search_ms": figures["http_search_ms_1_clients"],  # with waiting for its thread
        # Of the event loop's thread, which does everything but the search itself.
        "http_cpu_us": figures["http_cpu_us_16_clients"],
        "throughput_ratio_32_clients": figures[f"throughput_ratio_32_clients_pq_{size}"],
    }
    peers = {
        name.removesuffix(f"_{size}"): value
        for name, value in figures.items()
        if name.startswith("peer_")
    }
    return named | peers | figures


def main() -> None:
    sizes = [int(size) for size in (sys.argv[1] if sys.argv[1:] else SIZES).split(",")]
    figures: Figures = {}
    for part, chosen in PARTS.items():
        for size in chosen(sizes):
            with tempfile.TemporaryDirectory(prefix="bench-search-") as name:
                figures |= run(part, Path(name), size)
    figures = closing(figures, middle(sizes))
    print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
