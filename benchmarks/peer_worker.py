"""Runs one peer over files in two processes: python peer_worker.py PEER MODELS FILE...

PEER is bliss, musicnn, or musicnn+flac, which writes the canonical FLAC and embeds that. Imports
nothing but what the peer itself needs: bliss-audio's environment has nothing else. Prints the
seconds of the fastest round, without the start of processes and models.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

PROCESSES = 2
ROUNDS = 3
MANY = 100  # files, of which one round takes minutes

embed: Callable[[str], int]


def prepare(peer: str, models: str) -> None:
    """Defines `embed` in a process: makes a file's vector and returns its length."""
    global embed  # noqa: PLW0603
    embed = bliss() if peer == "bliss" else musicnn(Path(models), stored=peer == "musicnn+flac")


def bliss() -> Callable[[str], int]:
    from bliss_audio import Song

    return lambda file: len(Song(file).analysis)


def musicnn(models: Path, *, stored: bool) -> Callable[[str], int]:
    import tempfile

    import numpy as np
    from soundfile import SoundFile

    from soundalike.audio.decode import decode
    from soundalike.audio.identity import identify
    from soundalike.audio.resample import CANONICAL_RATE, resampled, write_canonical
    from soundalike.audio.windows import read_windows
    from soundalike.embedders import load_embedder
    from soundalike.settings import Settings

    embedder = load_embedder(Settings(model="musicnn-msd", models=models, device="cpu"))

    def vector(file: str) -> int:
        """Embed a file as the pipeline does."""
        track_id = identify(Path(file)).track_id
        if not stored:
            return embedded(in_memory(file, track_id))
        with tempfile.TemporaryDirectory() as folder:
            flac = Path(folder, "canonical.flac")
            write_canonical(Path(file), track_id, flac)
            return embedded(flac)

    def in_memory(file: str, track_id: str) -> io.BytesIO:
        canonical = io.BytesIO()
        with SoundFile(canonical, "w", CANONICAL_RATE, 1, "FLOAT", format="WAV") as wav:
            for samples in resampled(decode(Path(file), track_id)):
                wav.write(samples)
        canonical.seek(0)
        return canonical

    def embedded(canonical: Path | io.BytesIO) -> int:
        windows = np.stack(list(read_windows(canonical, embedder.windows)))
        return len(embedder.pool(embedder.extract(windows)).vector)

    return vector


def work(file: str) -> int:
    return embed(file)


def main(peer: str, models: str, files: list[str]) -> None:
    times = []
    with ProcessPoolExecutor(PROCESSES, initializer=prepare, initargs=(peer, models)) as pool:
        list(pool.map(work, files[: 2 * PROCESSES]))
        for _ in range(1 if len(files) > MANY else ROUNDS):
            started = time.perf_counter()
            lengths = list(pool.map(work, files))
            times.append(time.perf_counter() - started)
            assert all(lengths)
    print(json.dumps({"seconds": min(times)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
