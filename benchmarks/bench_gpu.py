"""MERT-95M and musicnn on a GPU: speed at each precision and batch, memory, agreement, loading.

    make bench-gpu
    python benchmarks/bench_gpu.py --device cpu --tiny    only whether this script runs to its end

MERT has its full size and random weights. Each part may take --seconds, and all of it ten minutes.
Prints tables and ends with one JSON line; where there is no CUDA it ends with exit code 2.
"""

import argparse
import faulthandler
import json
import sys
import tempfile
from pathlib import Path

import embed_model
import numpy as np
import torch
from gpu_networks import mert, musicnn
from gpu_parts import Bench, Figures, as_it_comes, peaks, speeds
from gpu_speed import FLOAT32, PRECISIONS, TF32
from mert_95m import write_checkpoint

from soundalike.embedders import fetch_weights
from soundalike.embedders.inference.speed import machine_name
from soundalike.errors import WeightsError
from soundalike.settings import Settings

CACHE = Path(__file__).parents[1] / ".cache"
LIMIT_SECONDS = 590  # after them the stacks are printed, and the process ends


def _gpu_name() -> str:
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, torch {torch.__version__}"


def measured(bench: Bench, folder: Path) -> Figures:
    """All parts, on the same music: tones over hiss."""
    cuda = bench.device.type == "cuda"
    figures: Figures = {
        "device": _gpu_name() if cuda else machine_name(),
        "tiny": bench.tiny,
    }
    print(figures["device"])
    limits = peaks(bench)
    checkpoint = write_checkpoint(folder, {}) if bench.tiny else write_checkpoint(folder)
    figures |= as_it_comes(bench, checkpoint, limits[FLOAT32])
    needed = -(-max(bench.batches) // embed_model.PLAN.max_windows)
    music = torch.from_numpy(np.concatenate(embed_model.tracks(needed))).to(bench.device)
    network = mert(checkpoint, bench.device)
    figures |= speeds(bench, network, music, PRECISIONS, limits)
    try:
        weights = fetch_weights(Settings(models=CACHE / "models"), "musicnn-msd")
    except WeightsError as error:
        print(f"musicnn is left out: {error}")
        return figures
    network = musicnn(weights, bench.device)
    short = music[:, : network.plan.samples]
    return figures | speeds(bench, network, short, (FLOAT32, TF32), limits)


def arguments() -> Bench:
    parser = argparse.ArgumentParser("bench_gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, whose figures say nothing")
    parser.add_argument("--seconds", type=float, default=45, help="for each precision of a network")
    given = parser.parse_args()
    if given.device == "cpu" and not given.tiny:
        parser.error("--device cpu needs --tiny; make bench-embed measures a CPU")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error(
            f"torch {torch.__version__} finds no CUDA device here, so there is nothing to measure;"
            " --device cpu --tiny tries whether this script runs to its end"
        )
    return Bench(torch.device(given.device), given.seconds, given.tiny)


def main() -> None:
    bench = arguments()
    sys.stdout.reconfigure(line_buffering=True)  # what was measured is kept if time runs out
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    with tempfile.TemporaryDirectory() as name:
        figures = measured(bench, Path(name))
    rounded = {k: round(v, 7) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
