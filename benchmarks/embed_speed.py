"""Real files through all steps at once, against each step by itself; and memory on long files."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from immich_memories_music import tracks_dir

from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.audio.windows import read_windows
from soundalike.embedders import load_embedder
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.scheduler import Scheduler, embed_files
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.embedding_files import save_batch

FILES = 12
LONG_HOURS = 3
BATCH = "b000001"


class NoModel:
    """An embedder that computes nothing, so that only the reading takes time."""

    def __init__(self, embedder: Embedder) -> None:
        self.space, self.windows = embedder.space, embedder.windows
        self.device, self.batch = embedder.device, embedder.batch

    def extract(self, windows: FloatArray) -> FloatArray:
        return np.ones((len(windows), self.space.dimension), np.float32)

    def pool(self, features: FloatArray) -> Embedding:
        return Embedding(features[0] / np.linalg.norm(features[0]))


def end_to_end(embedder: Embedder, folder: Path) -> dict[str, float]:
    """Seconds of decode + resample + cut, of the model, of writing; each alone, and all at once."""
    sources = sorted(Path(tracks_dir()).rglob("*.opus"))[:FILES]
    store = ArtifactStore(folder)

    def decoded(source: Path) -> Iterator[FloatArray]:
        target = folder / f"{source.stem}.flac"
        write_canonical(source, identify(source).track_id, target)
        yield from read_windows(target, embedder.windows)

    ready = {source: list(decoded(source)) for source in sources}

    def embedded(
        model: Embedder, read: Callable[[Path], Iterator[FloatArray]]
    ) -> dict[str, Embedding]:
        results = {
            each.item.stem: each.result for each in Scheduler[Path](model).run(sources, read)
        }
        return {name: result for name, result in results.items() if isinstance(result, Embedding)}

    embeddings = embedded(embedder, lambda source: iter(ready[source]))
    assert len(embeddings) == len(sources)
    steps: dict[str, Callable[[], object]] = {
        "reading": lambda: embedded(NoModel(embedder), decoded),
        "model": lambda: embedded(embedder, lambda source: iter(ready[source])),
        "writing": lambda: save_batch(store, embedder.space, BATCH, embeddings),
        "all": lambda: save_batch(store, embedder.space, BATCH, embedded(embedder, decoded)),
    }
    return {name: _seconds(step) for name, step in steps.items()}


def _seconds(step: Callable[[], object]) -> float:
    times = []
    for _ in range(2):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return min(times)


def long_track(folder: Path) -> Path:
    """A canonical FLAC of three hours."""
    minute = np.random.default_rng(0).integers(-300, 300, 60 * 44_100, np.int16)
    minute += (9000 * np.sin(np.arange(len(minute)) * 0.03)).astype(np.int16)
    path = folder / "long.flac"
    with soundfile.SoundFile(path, "w", 44_100, 1, "PCM_16", format="FLAC") as file:
        for _ in range(60 * LONG_HOURS):
            file.write(minute)
    return path


def peak_memory_gb(checkpoint: Path, track: Path, precision: str) -> float:
    """Peak memory of a fresh process that embeds 60 windows of a track."""
    command = [sys.executable, __file__, str(checkpoint), str(track), precision]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(ended.stdout.splitlines()[-1])["peak_rss_gb"])


def _child(checkpoint: Path, track: Path, precision: str) -> None:
    chosen = {
        "model": "mert-v1-95m",
        "mert_path": checkpoint,
        "precision": precision,
        "windows": 60,
    }
    embedder = load_embedder(Settings(**chosen))
    with embed_files(embedder, {track: track}) as items:
        [item] = items
    assert isinstance(item.result, Embedding)
    print(json.dumps({"peak_rss_gb": _peak_bytes() / 1e9}))


def _peak_bytes() -> int:
    """Read VmHWM on Linux: there, a child's peak by getrusage starts at its parent's peak."""
    if sys.platform == "linux":
        [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(peak) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
