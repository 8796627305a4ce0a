"""The whole main job as people feel it: a folder of music, from files to being served.

    python benchmarks/main_job.py [TRACKS]

Whole tracks (made_music.py) are ingested by `soundalike ingest`, and by `soundalike up` on its own,
into new data roots. Baselines in the same run, on the same files: the same decoding and the same
network in two processes without anything around them, the same with the canonical FLAC written and
read, and bliss-audio. What the ingest takes longer than the first is its overhead; than the second,
its overhead beside the FLAC: starts, imports, Dagster, the catalog, checks, the index.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from bench_embed import BLISS
from embed_peers import times_real_time
from made_music import SECONDS, make
from peak_memory import Peak
from ports import free_port

REPOSITORY = Path(__file__).parents[1]
MODELS = REPOSITORY / ".cache" / "models"
MUSIC = REPOSITORY / ".cache" / "bench-music"
SOUNDALIKE = str(Path(sys.executable).with_name("soundalike"))
TRACKS = 400
HOUR = 3600.0
GIB = 2**30
LONGEST_SECONDS = 3600


def main_job(tracks: int = TRACKS) -> dict[str, float]:
    """Ingest in both ways; tracks an hour, shares and memory."""
    files = make(MUSIC, tracks)
    python, music = Path(sys.executable), SECONDS * tracks
    bare = music / times_real_time(python, "musicnn", MODELS, files)
    stored = music / times_real_time(python, "musicnn+flac", MODELS, files)
    foreground, foreground_peak = measured(ingest, tracks)
    background, background_peak = measured(up, tracks)
    figures = {
        "tracks_per_hour": tracks / foreground * HOUR,
        "tracks_per_hour_up": tracks / background * HOUR,
        "tracks_per_hour_bare": tracks / bare * HOUR,
        "tracks_per_hour_bare_with_flac": tracks / stored * HOUR,
        "overhead_share": 1 - bare / foreground,
        "overhead_share_up": 1 - bare / background,
        "overhead_share_beside_flac": 1 - stored / foreground,
        "overhead_share_beside_flac_up": 1 - stored / background,
        "peak_gib": foreground_peak / GIB,
        "peak_gib_up": background_peak / GIB,
    }
    if BLISS.is_file():
        bliss = music / times_real_time(BLISS, "bliss", MODELS, files)
        figures["tracks_per_hour_bliss"] = tracks / bliss * HOUR
        figures["ratio_vs_bliss"] = bliss / foreground
    return figures


def measured(job: Callable[[dict[str, str], int], float], tracks: int) -> tuple[float, int]:
    """Run the job in a new data root: its seconds, and the bytes of memory at its peak."""
    with tempfile.TemporaryDirectory(prefix="soundalike-bench-") as name:
        Path(name).chmod(0o755)  # root's private server runs as nobody
        settings = {
            "SOUNDALIKE_DATA": f"{name}/data",
            "SOUNDALIKE_MODELS": str(MODELS),
            "SOUNDALIKE_MODEL": "musicnn-msd",
            "SOUNDALIKE_MUSIC": str(MUSIC),
        }
        with Peak(family_pss, every_seconds=1.0) as peak:
            seconds = job({**os.environ, **settings}, tracks)
        return seconds, peak.size


def ingest(environment: dict[str, str], tracks: int) -> float:
    """Seconds of `soundalike ingest`, its start and end included."""
    started = time.perf_counter()
    command = [SOUNDALIKE, "ingest", str(MUSIC)]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
    return time.perf_counter() - started


def up(environment: dict[str, str], tracks: int) -> float:
    """Seconds from the start of `soundalike up` until the API serves all tracks."""
    api, dagster = free_port(), free_port()
    ports = {"SOUNDALIKE_PORT": str(api), "SOUNDALIKE_DAGSTER_PORT": str(dagster)}
    started = time.perf_counter()
    with subprocess.Popen([SOUNDALIKE, "up"], env={**environment, **ports}) as process:
        try:
            while served(api) != tracks:
                if process.poll() is not None or time.perf_counter() - started > LONGEST_SECONDS:
                    raise SystemExit(f"{served(api)} of {tracks} tracks are served")
                time.sleep(0.5)
            return time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGINT)


def served(port: int) -> int:
    """How many tracks the API serves; none while it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/index", timeout=10)
    except httpx.TransportError:
        return 0
    return int(answer.json()["tracks"]) if answer.is_success else 0


def family_pss() -> int:
    """The memory of this process's descendants, shared pages counted once; not PostgreSQL's.

    It is none of them once it runs.
    """
    return sum(map(pss, psutil.Process().children(recursive=True)))


def pss(process: psutil.Process) -> int:
    """The memory of a process, of shared pages its part; none of one that has ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def main() -> None:
    found = main_job(int(sys.argv[1]) if len(sys.argv) > 1 else TRACKS)
    print(json.dumps({name: round(figure, 3) for name, figure in found.items()}))


if __name__ == "__main__":
    main()
