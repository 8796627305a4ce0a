"""What is measured on a GPU: the peak of matrix products, MERT as it comes, a network alone."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import embed_model
import torch
from gpu_networks import Network
from gpu_speed import (
    FLOAT32,
    PRECISIONS,
    Precision,
    at_batches,
    features,
    multiplying,
    worst_cosine,
)
from machine import TERA, gemm_peak, synchronize

from soundalike.embedders.inference.probe import probe_windows
from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.mert.model.embedder import MertEmbedder

MIB = 2**20
BASELINE_FLOP = 6 * 229e9  # of a track: 6 windows of 10 s, all 12 layers

Figures = dict[str, float | str | bool | None]


@dataclass(frozen=True)
class Bench:
    """Where to measure, how long each precision of a network, and how much."""

    device: torch.device
    seconds: float
    tiny: bool

    @property
    def batches(self) -> tuple[int, ...]:
        return (1, 2) if self.tiny else (1, 2, 4, 8, 16, 32, 64)

    def tracks(self, peak: float) -> int:
        """How many tracks the baseline embeds in `seconds`, at half of the float32 peak."""
        if self.tiny:
            return 1
        rounds = self.seconds * peak / 2 / ((embed_model.ROUNDS + 1) * BASELINE_FLOP)
        return min(64, max(1, int(rounds)))

    @property
    def gemm(self) -> int:
        return 256 if self.tiny else 8192


def peaks(bench: Bench) -> dict[Precision, float]:
    """The machine's own FLOP/s at each precision."""
    measured = {}
    for precision in PRECISIONS:
        with multiplying(precision):
            measured[precision] = gemm_peak(bench.device, precision.dtype, bench.gemm)
        print(f"GEMM peak {precision.name:<8} {measured[precision] / TERA:9.3f} TFLOP/s")
    return measured


def speeds(
    bench: Bench,
    network: Network,
    music: torch.Tensor,
    precisions: Iterable[Precision],
    limits: dict[Precision, float],
) -> Figures:
    """A network alone at each precision; the figures are those of its fastest batch."""
    inputs = [music[:6], torch.from_numpy(probe_windows(network.plan)).to(bench.device)]
    exact = features(network.build(torch.float32), inputs)
    figures: Figures = {}
    for precision in precisions:
        started = time.monotonic()
        extract = network.build(precision.dtype)
        print(f"{network.name} {precision.name}")
        with multiplying(precision):
            cosine = worst_cosine(features(extract, inputs), exact)
            rows = at_batches(extract, music, bench.batches, started + bench.seconds)
        for row in rows:
            flops = row.windows_per_second * network.flops
            peak = "-" if row.peak_bytes is None else f"{row.peak_bytes / MIB:.0f} MiB"
            print(
                f"  batch {row.batch:>2} {row.windows_per_second * network.window_seconds:10.1f} x"
                f" real time {flops / TERA:9.3f} TFLOP/s {flops / limits[precision]:5.0%} of the"
                f" peak, memory {peak}"
            )
        print(f"  worst cosine to float32 {cosine:.7f}")
        best = max(rows, key=lambda row: row.windows_per_second)
        flops = best.windows_per_second * network.flops
        name = f"{network.name}_{precision.name}"
        figures |= {
            f"{name}_x_real_time": best.windows_per_second * network.window_seconds,
            f"{name}_batch": best.batch,
            f"{name}_tflops": flops / TERA,
            f"{name}_gemm_share": flops / limits[precision],
            f"{name}_peak_mib": None if best.peak_bytes is None else best.peak_bytes / MIB,
            f"{name}_worst_cosine": cosine,
        }
    return figures


def as_it_comes(bench: Bench, checkpoint: MertCheckpoint, peak: float) -> Figures:
    """MERT as the pipeline runs it, at its own precision and batch, from the machine's memory."""
    music = embed_model.tracks(bench.tracks(peak))
    with multiplying(FLOAT32):
        plain, expected = embed_model.baseline(checkpoint, music, bench.device)
    started = time.perf_counter()
    embedder = MertEmbedder(checkpoint, embed_model.PLAN, bench.device)
    synchronize(bench.device)
    loaded = time.perf_counter() - started
    speed = embed_model.ours(embedder, checkpoint, music, expected)
    ratio = speed.times_real_time / plain.times_real_time
    print(
        f"MERT as it comes: {embedder.device}, batch {embedder.batch}, loaded in {loaded:.2f} s,"
        f" {speed.times_real_time:.1f} x real time, {ratio:.2f} x HubertModel's 12 layers in"
        f" float32, worst cosine to them {speed.cosine:.7f}"
    )
    return {
        "mert_95m_x_real_time_gpu": speed.times_real_time,
        "mert_95m_x_real_time_baseline": plain.times_real_time,
        "mert_95m_ratio_vs_baseline": ratio,
        "mert_95m_runs_in": embedder.device,
        "mert_95m_load_seconds": loaded,
    }
