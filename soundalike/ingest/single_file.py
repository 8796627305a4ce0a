"""Embedding of a single file outside of the library, as for uploads.

The stages do the same for batches; here nothing is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.audio.stream import StreamFacts
from soundalike.audio.windows import read_windows
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.scheduler import Scheduler
from soundalike.errors import AudioError, WorkAbandoned


@dataclass(frozen=True)
class FileLimits:
    """The most that a file may hold: seconds of audio, and samples of all its channels."""

    seconds: float
    samples: float


def identify_file(decoders: Decoders, file: Path, limits: FileLimits) -> Identified:
    """Identify a file's audio; nothing of it is decoded yet.

    Raises AudioError as `Decoders.read` does, and `too_long` or `too_many_samples` if its header
    says that it holds more than the limits.
    """
    identified, _ = decoders.read(file)
    _require_within(identified.facts, limits)
    return identified


def _require_within(facts: StreamFacts, limits: FileLimits) -> None:
    seconds = facts.duration or 0
    if seconds > limits.seconds:
        raise AudioError("too_long", f"{seconds:.0f} s long; the limit is {limits.seconds:.0f} s")
    samples = seconds * facts.sample_rate * facts.channels
    if samples > limits.samples:
        raise AudioError(
            "too_many_samples",
            f"{seconds:.0f} s of {facts.channels} channels at {facts.sample_rate} Hz are "
            f"{samples / 1e6:.0f} million samples; the limit is {limits.samples / 1e6:.0f} million",
        )


def embed_file(
    decoders: Decoders,
    embedder: Embedder,
    file: Path,
    track_id: str,
    max_seconds: float,
    abandoned: Callable[[], bool],
) -> Embedding:
    """Embed the audio that has this identity in a file, exactly as an ingest would.

    Its canonical audio is beside the file meanwhile. Raises AudioError if the file cannot be used,
    WorkAbandoned once `abandoned` is true; errors of the model are raised as they are.
    """
    with TemporaryDirectory(dir=file.parent) as folder:
        flac = Path(folder) / "canonical.flac"
        decoders.write_canonical(file, track_id, flac, max_seconds)

        def read(path: Path) -> Iterator[FloatArray]:
            """Read windows, float32 [samples]. Raises WorkAbandoned."""
            for window in read_windows(path, embedder.windows):
                if abandoned():
                    raise WorkAbandoned("nobody waits for the embedding any more")
                yield window

        with closing(Scheduler[Path](embedder, readers=1).run([flac], read)) as items:
            result = next(items).result
    if isinstance(result, Exception):
        raise result
    return result
