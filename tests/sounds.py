"""Real audio files for the tests, in any format, each different and always the same."""

from pathlib import Path

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


def write_audio(
    path: Path,
    samples: NDArray[np.float32],
    rate: int = 44_100,
    codec: str | None = None,
    **tags: str,
) -> Path:
    """Encode float32 [channels, n] into the format of the path's extension."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(samples)]
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec or CODECS[path.suffix], rate=rate, layout=layout)
        stream.bit_rate = 128_000
        stream.options = {"strict": "experimental"}  # FFmpeg's own Vorbis encoder is that
        resampler = av.AudioResampler(
            stream.codec_context.format, layout, rate, frame_size=stream.frame_size or 0
        )
        in_turns = np.ascontiguousarray(samples.T).reshape(1, -1)  # PyAV miscounts 8 planes
        frame = av.AudioFrame.from_ndarray(in_turns, "flt", layout)
        frame.sample_rate = rate
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def song(path: Path, seconds: float = 4.0, seed: int = 0, **tags: str) -> Path:
    """A short song at `path`, in the format of its extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 48_000 if path.suffix == ".opus" else 44_100
    return write_audio(path, music(seconds, rate, seed=seed), rate, **tags)
