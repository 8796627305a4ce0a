"""Peaks of a track's canonical audio: how loud each part of it is, for a waveform."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.errors import AudioError

LOUDEST = 255
BLOCK = 2**18  # samples that are held at a time


def peaks(flac: Path, count: int) -> NDArray[np.uint8]:
    """Return the largest amplitude of each of `count` equal parts, uint8 [count].

    255 is the loudest of the track, so that a quiet one has a picture too; of silence all are 0. A
    file with fewer samples than parts has zeros at the end. Raises AudioError("unreadable").
    """
    largest = np.zeros(count, np.float32)
    try:
        with soundfile.SoundFile(flac) as file:
            part = max(1, -(-file.frames // count))
            size = max(1, BLOCK // part) * part
            for number, block in enumerate(file.blocks(size, dtype="float32", always_2d=True)):
                loud = np.abs(block).max(axis=1)
                found = np.maximum.reduceat(loud, np.arange(0, len(loud), part))
                first = number * (size // part)
                largest[first : first + len(found)] = found
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError("unreadable", f"its canonical audio cannot be read ({error})") from error
    top = largest.max(initial=0.0)
    scaled = largest * (LOUDEST / top) if top > 0 else largest
    return np.rint(scaled).astype(np.uint8)
