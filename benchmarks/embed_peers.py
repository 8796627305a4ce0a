"""musicnn from file to vector against bliss-audio, the popular peer without a model.

Both work on the same files in the same run, in two processes of one thread each. bliss-audio lives
in an environment of its own, which `make bench-embed` sets up.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from immich_memories_music import tracks_dir

WORKER = Path(__file__).with_name("peer_worker.py")
CLIPS_A_TRACK = 7  # of half a minute


def clips() -> list[Path]:
    """The 28 demo tracks, 30 s of Opus each."""
    return sorted(Path(tracks_dir()).rglob("*.opus"))


def whole_tracks(folder: Path) -> list[Path]:
    """The same music as 4 tracks of 3.5 minutes, as long as tracks usually are, in MP3."""
    tracks = []
    for start in range(0, len(clips()), CLIPS_A_TRACK):
        audio = [soundfile.read(clip) for clip in clips()[start : start + CLIPS_A_TRACK]]
        tracks.append(folder / f"{start}.mp3")
        soundfile.write(tracks[-1], np.concatenate([samples for samples, _ in audio]), audio[0][1])
    return tracks


def times_real_time(python: Path, peer: str, models: Path, files: list[Path]) -> float:
    """How many seconds of music a second of wall time takes, without the start of processes."""
    command = [str(python), str(WORKER), peer, str(models), *map(str, files)]
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, env={**os.environ, **one_thread}, stdout=subprocess.PIPE, text=True, check=True
    )
    music = sum(soundfile.info(file).duration for file in files)
    return music / float(json.loads(ended.stdout.splitlines()[-1])["seconds"])
