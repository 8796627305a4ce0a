"""Benchmark of the map's layout: CPU seconds, memory and trustworthiness, beside PaCMAP's own.

    make bench-map [TRACKS=20000,100000]

Vectors are made up as those of bench_search are. Each is measured in a process of its own, with one
thread. `placed_s` is the time in which an album of ten is placed among the others.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from search_data import TRACKS_A_CLUSTER, vectors

from soundalike.maps.layout import fit, place
from soundalike.maps.trust import trustworthiness

PEER = Path(".cache/bench-map/bin/python")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
PACMAP = """
import sys
import numpy as np, pacmap
positions = pacmap.PaCMAP(n_components=2, n_neighbors=10, random_state=20)
np.save(sys.argv[2], positions.fit_transform(np.load(sys.argv[1])).astype("f4"))
"""
OWN = """
import sys
import numpy as np
from soundalike.maps.layout import fit
np.save(sys.argv[2], fit(np.load(sys.argv[1])))
"""


def measured(python: Path | str, code: str, matrix: Path, target: Path) -> tuple[float, float]:
    """Run it in a process of its own; returns its CPU seconds and its peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(python), "-W", "ignore", "-c", code, str(matrix), str(target)]
    process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD})
    peak = 0
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{python} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, peak / 1024


def main() -> None:
    """Measure each size, and print a table and one JSON line."""
    figures: dict[str, float] = {}
    for count in map(int, (sys.argv[1] if len(sys.argv) > 1 else "20000,100000").split(",")):
        clusters = max(10, count // TRACKS_A_CLUSTER)
        matrix = vectors(count, 10, clusters)
        print(f"\n{count} tracks       CPU s     MB   trustworthiness at 15")
        with tempfile.TemporaryDirectory() as folder:
            file, target = Path(folder) / "vectors.npy", Path(folder) / "positions.npy"
            np.save(file, matrix)
            kinds = {"own": (sys.executable, OWN)}
            kinds |= {"pacmap": (str(PEER), PACMAP)} if PEER.exists() else {}
            for name, (python, code) in kinds.items():
                seconds, peak = measured(python, code, file, target)
                positions = np.load(target)
                trust = trustworthiness(matrix, positions) or 0.0
                print(f"{name:<16} {seconds:9.1f} {peak:6.0f}   {trust:.3f}")
                figures |= {
                    f"{name}_cpu_s_{count}": round(seconds, 1),
                    f"{name}_mb_{count}": round(peak),
                    f"{name}_trust_{count}": round(trust, 4),
                }
                if name == "own":
                    started = time.perf_counter()
                    place(vectors(10, 12, clusters), matrix, positions)
                    figures[f"placed_s_{count}"] = round(time.perf_counter() - started, 3)
        if f"pacmap_cpu_s_{count}" in figures:
            ratio = figures[f"own_cpu_s_{count}"] / figures[f"pacmap_cpu_s_{count}"]
            figures[f"cpu_ratio_{count}"] = round(ratio, 2)
            print(f"own / pacmap: {ratio:.2f} of its CPU seconds")
    small = vectors(2000, 10, 40)
    figures["same_bytes_twice"] = fit(small).tobytes() == fit(small).tobytes()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
