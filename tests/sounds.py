"""Real audio files for the tests, in any format, each different and always the same."""

import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

CODECS = {
    ".mp3": "libmp3lame",
    ".flac": "flac",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".m4a": "aac",
    ".wav": "pcm_s16le",
    ".aiff": "pcm_s16be",
    ".wma": "wmav2",
}


def music(
    seconds: float, rate: int = 44_100, channels: int = 2, seed: int = 0
) -> NDArray[np.float32]:
    """A chord with a beat and some noise, float32 [channels, n]; another one for each seed."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * f * time) for f in random.uniform(80, 2000, 4))
    beat = 1 + np.sin(2 * np.pi * random.uniform(1, 4) * time)
    voices = 0.05 * chord * beat + 0.02 * random.standard_normal((channels, len(time)))
    return voices.astype(np.float32)


class Pipe:
    """Something to write to that cannot be gone back in: a header never learns the length."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}


def write_audio(
    path: Path,
    samples: NDArray[np.float32],
    rate: int = 44_100,
    codec: str | None = None,
    *,
    container: str | None = None,
    piped: bool = False,
    sample_format: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **tags: str,
) -> Path:
    """Encode float32 [channels, n] into the format of the path's extension, or another one.

    `piped`: as if into a pipe. The options are FFmpeg's, of the encoder and of the muxer.
    """
    layout = LAYOUTS[len(samples)]
    pipe = Pipe()
    out: Any = pipe if piped else str(path)
    with av.open(out, "w", format=container, container_options=container_options) as file:
        file.metadata.update(tags)
        stream = file.add_stream(codec or CODECS[path.suffix], rate=rate, layout=layout)
        stream.bit_rate = 64_000 * max(2, len(samples))
        if sample_format:
            stream.format = sample_format
        stream.options = {
            "strict": "experimental",
            **(options or {}),
        }  # FFmpeg's own Vorbis is that
        resampler = av.AudioResampler(
            stream.codec_context.format, layout, rate, frame_size=stream.frame_size or 0
        )
        in_turns = np.ascontiguousarray(samples.T).reshape(1, -1)  # PyAV miscounts 8 planes
        frame = av.AudioFrame.from_ndarray(in_turns, "flt", layout)
        frame.sample_rate = rate
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    if piped:
        path.write_bytes(pipe.written)
    return path


def cover(side: int = 400, seed: int = 0) -> bytes:
    """A real PNG that does not compress: about three bytes a pixel."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in noise)
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def song(path: Path, seconds: float = 4.0, seed: int = 0, **tags: str) -> Path:
    """A short song at `path`, in the format of its extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 48_000 if path.suffix == ".opus" else 44_100
    return write_audio(path, music(seconds, rate, seed=seed), rate, **tags)
