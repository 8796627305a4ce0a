"""Speed and memory of embedding: MERT at the 95M's size, real files, long files, and musicnn.

    make bench-embed

Prints a table and ends with one JSON line. On a GPU the first part runs on it.
"""

import json
import sys
import tempfile
from pathlib import Path

import embed_model
import embed_peers
import embed_speed
import torch
from machine import TERA, gemm_peak
from mert_95m import write_checkpoint

from soundalike.embedders import fetch_weights, load_embedder
from soundalike.embedders.inference.devices import choose_device, half_precisions
from soundalike.embedders.mert.model.embedder import MertEmbedder
from soundalike.settings import Settings

CACHE = Path(__file__).parents[1] / ".cache"
BLISS = CACHE / "bench-bliss" / "bin" / "python"
TRACKS = {"cpu": 4, "mps": 16, "cuda": 200}


def mert(folder: Path) -> dict[str, float]:
    """MERT against the baseline and the machine's peaks."""
    device = choose_device("auto")
    checkpoint = write_checkpoint(folder)
    music = embed_model.tracks(TRACKS[device.type])
    peaks = {p: gemm_peak(device, p) for p in (torch.float32, *half_precisions(device)[:1])}
    plain, expected = embed_model.baseline(checkpoint, music, device)
    exact = MertEmbedder(checkpoint, embed_model.PLAN, device, half=False)
    float32 = embed_model.ours(exact, checkpoint, music, expected)
    default = MertEmbedder(checkpoint, embed_model.PLAN, device)
    speeds = [plain, float32]
    if default.device != exact.device:
        speeds.append(embed_model.ours(default, checkpoint, music, expected))
    best = speeds[-1]
    peaks = {
        precision: max(peak, gemm_peak(device, precision)) for precision, peak in peaks.items()
    }
    print(f"MERT 95M, random weights, {len(music)} tracks of 6 windows of 10 s, {device}")
    for precision, peak in peaks.items():
        print(f"  GEMM peak {precision}: {peak / TERA:.3f} TFLOP/s")
    for speed in speeds:
        print(
            f"  {speed.name:<36} {speed.times_real_time:8.1f} x real time"
            f" {speed.times_real_time / plain.times_real_time:6.2f} x baseline"
            f" {speed.flops / TERA:7.3f} TFLOP/s, {speed.flops / peaks[torch.float32]:5.0%} of the"
            f" float32 peak, cosine {speed.cosine:.6f}"
        )
    figures = {
        "ratio_vs_baseline": best.times_real_time / plain.times_real_time,
        "ratio_vs_baseline_float32": float32.times_real_time / plain.times_real_time,
        "times_real_time": best.times_real_time,
        "times_real_time_float32": float32.times_real_time,
        "gemm_peak_share": float32.flops / peaks[torch.float32],
    }
    if best is not float32:
        figures["half_gemm_peak_share"] = best.flops / list(peaks.values())[-1]
    return figures


def files(folder: Path) -> dict[str, float]:
    """Real files end to end with the same model, and memory on a track of three hours."""
    track = embed_speed.long_track(folder)
    figures = {"peak_rss_gb": 0.0}
    for precision in ("float32", "auto"):
        embedder = load_embedder(
            Settings(model="mert-v1-95m", mert_path=folder, precision=precision)
        )
        steps = embed_speed.end_to_end(embedder, folder / precision)
        together = steps.pop("all")
        memory = embed_speed.peak_memory_gb(folder, track, precision)
        print(
            f"{embed_speed.FILES} files, {embedder.device}: "
            + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in steps.items())
            + f"; all at once {together:.2f} s, {together / max(steps.values()):.3f} x the slowest,"
            f" {together / sum(steps.values()):.3f} x their sum; 3-hour track: {memory:.2f} GB"
        )
        figures[f"end_to_end_vs_slowest_{precision}"] = together / max(steps.values())
        figures["peak_rss_gb"] = max(figures["peak_rss_gb"], memory)
    return figures


def musicnn(folder: Path) -> dict[str, float]:
    """The model musicnn against bliss-audio, on the demo's clips and on whole tracks."""
    if not BLISS.exists():
        print("bliss-audio is not installed: run `make bench-embed`")
        return {}
    fetch_weights(Settings(models=CACHE / "models"), "musicnn-msd")
    figures = {}
    tracks = {
        "whole tracks, 3.5 min": embed_peers.whole_tracks(folder),
        "clips, 30 s": embed_peers.clips(),
    }
    for name, music in tracks.items():
        speeds = {
            peer: embed_peers.times_real_time(python, peer, CACHE / "models", music)
            for peer, python in (("bliss", BLISS), ("musicnn", Path(sys.executable)))
        }
        ratio = speeds["musicnn"] / speeds["bliss"]
        print(
            f"file to vector, two processes, {name}: bliss-audio {speeds['bliss']:.0f} x real "
            f"time, musicnn {speeds['musicnn']:.0f} x, ratio {ratio:.2f}"
        )
        figures[f"musicnn_vs_bliss_{'clips' if 'clips' in name else 'tracks'}"] = ratio
    figures["musicnn_vs_bliss_ratio"] = min(figures.values())
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {**mert(folder), **files(folder), **musicnn(folder)}
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
