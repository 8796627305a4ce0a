"""File to canonical audio: ours against a plain loop with PyAV, on the demo music, in one run.

Baseline: PyAV's own AudioResampler to 44 100 Hz mono, the whole file in memory, then one write.
Ours decodes, mixes, resamples with soxr HQ, hashes for identity, and streams into the FLAC.
Both run on one thread. Prints times real time, and the peak memory of ours for a long file.
"""

import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile
from immich_memories_music import tracks_dir

from soundalike.audio.identity import identify
from soundalike.audio.resample import CANONICAL_RATE, write_canonical

TRACKS = 14
LONG_SECONDS = 3600
MIB = 2**20


def baseline(source: Path, target: Path) -> None:
    with av.open(str(source)) as container:
        resampler = av.AudioResampler("flt", "mono", CANONICAL_RATE)
        parts = [
            piece.to_ndarray()
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    soundfile.write(target, np.concatenate(parts, axis=1)[0], CANONICAL_RATE, subtype="PCM_16")


def ours(source: Path, target: Path) -> None:
    write_canonical(source, identify(source).track_id, target)


def seconds(convert: Callable[[Path, Path], None], sources: list[Path], folder: Path) -> float:
    started = time.perf_counter()
    for number, source in enumerate(sources):
        convert(source, folder / f"{convert.__name__}{number}.flac")
    return time.perf_counter() - started


def peak_growth_mib(folder: Path) -> float:
    """How much the process's peak memory grows for an hour of music after a minute of it."""
    minute = np.random.default_rng(0).integers(-9999, 9999, (60 * 8000, 2), np.int16)
    peaks = []
    for length in (60, LONG_SECONDS):
        with soundfile.SoundFile(folder / f"{length}.wav", "w", 8000, 2) as file:
            for _ in range(length // 60):  # writing it must not need the memory that is measured
                file.write(minute)
        ours(folder / f"{length}.wav", folder / f"{length}.flac")
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return peaks[1] - peaks[0]


def main() -> None:
    sources = sorted(Path(tracks_dir()).rglob("*.opus"))[:TRACKS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        growth = peak_growth_mib(folder)
        rounds = [
            (seconds(baseline, sources, folder), seconds(ours, sources, folder)) for _ in "123"
        ]
        music = sum(soundfile.info(folder / f"ours{n}.flac").duration for n in range(TRACKS))
    naive, mine = (min(times) for times in zip(*rounds, strict=True))
    figures = {
        "baseline_times_real_time": round(music / naive, 1),
        "ours_times_real_time": round(music / mine, 1),
        "ratio_vs_baseline": round(naive / mine, 3),
        "peak_growth_mib_hour_over_minute": round(growth, 1),
    }
    print(f"{TRACKS} tracks, {music:.0f} s of Opus at 48 kHz, best of 3, one thread")
    print(
        f"baseline (swresample, whole file)  {figures['baseline_times_real_time']:>7} x real time"
    )
    print(f"ours (soxr HQ, streamed, hashed)   {figures['ours_times_real_time']:>7} x real time")
    print(
        f"ratio {figures['ratio_vs_baseline']}; an hour takes {growth:.1f} MiB more than a minute"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
