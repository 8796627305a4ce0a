"""A folder of whole tracks, no two the same: the demo's clips cut, mixed and encoded anew.

python benchmarks/made_music.py FOLDER [TRACKS]
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from embed_peers import clips
from numpy.typing import NDArray

SECONDS = 210  # as long as tracks usually are
PIECE_SECONDS = 15
ENCODED = {  # a third of the tracks each
    ".mp3": {"format": "MP3"},
    ".flac": {"format": "FLAC"},
    ".opus": {"format": "OGG", "subtype": "OPUS"},
}
ALBUM = 10  # tracks a folder
BLOCK_SECONDS = 10


def make(folder: Path, tracks: int) -> list[Path]:
    """Write the tracks, unless they are there from a run before; return their files."""
    names = [
        folder / f"album {number // ALBUM:02}" / f"{number:03}{[*ENCODED][number % 3]}"
        for number in range(tracks)
    ]
    for path in names:
        path.parent.mkdir(parents=True, exist_ok=True)
    missing = [(path, number) for number, path in enumerate(names) if not path.exists()]
    with ProcessPoolExecutor() as processes:
        for done, _ in enumerate(processes.map(write, *zip(*missing, strict=True)), 1):
            print(f"\rmaking music: {done} of {len(missing)}", end="", file=sys.stderr)
    return names


def write(path: Path, number: int) -> None:
    """Write a track: pieces of clips one after another, each over a quiet one."""
    random = np.random.default_rng(number)
    rate = sources()[0][1]
    temporary = path.with_name(f".{path.name}.tmp")
    with soundfile.SoundFile(temporary, "w", rate, 2, **ENCODED[path.suffix]) as file:
        for _ in range(SECONDS // PIECE_SECONDS):
            piece = cut(random) + 0.2 * cut(random)
            for block in np.array_split(piece, PIECE_SECONDS // BLOCK_SECONDS + 1):
                file.write(block)  # libsndfile overflows its stack with longer ones of Opus
    temporary.rename(path)


def cut(random: np.random.Generator) -> NDArray[np.float32]:
    """A piece of any clip, at a volume of its own, float32 [n, 2]."""
    samples, rate = sources()[random.integers(len(sources()))]
    length = PIECE_SECONDS * rate
    start = random.integers(max(len(samples) - length, 1))
    piece = samples[start : start + length]
    missing = length - len(piece)
    return np.pad(piece, ((0, missing), (0, 0))) * np.float32(random.uniform(0.5, 0.9))


@cache
def sources() -> list[tuple[NDArray[np.float32], int]]:
    """The demo's clips, stereo, with their rate."""
    read = [soundfile.read(clip, dtype="float32", always_2d=True) for clip in clips()]
    return [
        (np.repeat(samples, 3 - samples.shape[1], axis=1)[:, :2], rate) for samples, rate in read
    ]


if __name__ == "__main__":
    make(Path(sys.argv[1]), int((*sys.argv, "400")[2]))
