"""Damaged media, seeded: the same number always gives the same file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.sounds import music, write_audio

FORMATS = {
    "a.mp3": ("libmp3lame", None),
    "a.flac": ("flac", None),
    "a.ogg": ("vorbis", None),
    "a.opus": ("libopus", None),
    "a.m4a": ("aac", None),
    "alac.m4a": ("alac", None),
    "a.wav": ("pcm_s16le", None),
    "adpcm.wav": ("adpcm_ms", None),
    "a.aiff": ("pcm_s16be", None),
    "a.wma": ("wmav2", None),
    "a.aac": ("aac", "adts"),
    "a.mka": ("vorbis", "matroska"),
    "a.webm": ("libopus", "webm"),
    "a.caf": ("alac", None),
    "a.au": ("pcm_s16be", None),
    "a.w64": ("pcm_s16le", None),
    "a.wv": ("wavpack", None),
    "a.tta": ("tta", None),
    "a.ac3": ("ac3", None),
    "a.mp2": ("mp2", None),
}

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 4_000_000_000)

Random = np.random.Generator


def whole_files(folder: Path, seconds: float = 1.5) -> dict[str, bytes]:
    """One sound file of each format, by name."""
    files = {}
    for seed, (name, (codec, container)) in enumerate(FORMATS.items()):
        rate = 48_000 if codec == "libopus" else 44_100
        path = folder / name
        write_audio(path, music(seconds, rate, seed=seed), rate, codec, container=container)
        files[name] = path.read_bytes()
    return files


def truncated(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.integers(1, len(data))]


def flipped(data: bytes, other: bytes, random: Random) -> bytes:
    """A few bits anywhere."""
    changed = bytearray(data)
    for place in random.integers(0, len(data), random.integers(1, 200)):
        changed[place] ^= 1 << random.integers(8)
    return bytes(changed)


def flipped_header(data: bytes, other: bytes, random: Random) -> bytes:
    """Whole bytes near the start, where the sizes and kinds are."""
    changed = bytearray(data)
    for place in random.integers(0, min(600, len(data)), random.integers(1, 12)):
        changed[place] = random.integers(256)
    return bytes(changed)


def lying(data: bytes, other: bytes, random: Random) -> bytes:
    """A number in the header that is far too small or large."""
    changed = bytearray(data)
    value = EXTREMES[random.integers(len(EXTREMES))]
    width = int(random.choice([1, 2, 4, 8]))
    place = random.integers(4, min(400, len(data) - 8))
    order = "little" if random.integers(2) else "big"
    changed[place : place + width] = (value % 256**width).to_bytes(width, order)
    return bytes(changed)


def spliced(data: bytes, other: bytes, random: Random) -> bytes:
    """The start of one file, the end of another."""
    return data[: random.integers(1, len(data))] + other[random.integers(len(other)) :]


def holed(data: bytes, other: bytes, random: Random) -> bytes:
    """A part that was never downloaded."""
    start, end = sorted(random.integers(0, len(data), 2))
    return data[:start] + bytes(int(end - start)) + data[end:]


def noisy(data: bytes, other: bytes, random: Random) -> bytes:
    """A part that is another file's, or none's."""
    start, end = sorted(random.integers(0, len(data), 2))
    return data[:start] + random.bytes(int(end - start)) + data[end:]


def repeated(data: bytes, other: bytes, random: Random) -> bytes:
    """A part again and again, headers and all."""
    start, end = sorted(random.integers(0, min(20_000, len(data)), 2))
    return data[:end] + data[start:end] * int(random.integers(1, 20)) + data[end:]


def shifted(data: bytes, other: bytes, random: Random) -> bytes:
    """Some bytes too many, or too few."""
    place = random.integers(len(data))
    if random.integers(2):
        return data[:place] + random.bytes(int(random.integers(1, 64))) + data[place:]
    return data[:place] + data[place + random.integers(1, 64) :]


DAMAGES: Sequence[Callable[[bytes, bytes, Random], bytes]] = (
    truncated,
    flipped,
    flipped_header,
    lying,
    spliced,
    holed,
    noisy,
    repeated,
    shifted,
)


def damaged(files: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """The name and the content of damaged file `number`: formats and damages in turns."""
    random = np.random.default_rng(number)
    names = sorted(files)
    name = names[number % len(names)]
    damage = DAMAGES[number // len(names) % len(DAMAGES)]
    other = files[names[random.integers(len(names))]]
    return f"{number}-{damage.__name__}-{name}", damage(files[name], other, random)
