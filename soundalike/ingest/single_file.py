"""One file from its bytes to its vector, outside of the library: what a client sends is heard so.

The stages do the same for batches; nothing of this is kept.
"""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.audio.windows import read_windows
from soundalike.embedders.base import Embedder, Embedding
from soundalike.embedders.scheduler import Scheduler
from soundalike.errors import AudioError


def identified(decoders: Decoders, file: Path, max_seconds: float) -> Identified:
    """What the file is. Raises AudioError as `Decoders.read` does, and too_long, in seconds."""
    found, _ = decoders.read(file)
    if (found.facts.duration or 0) > max_seconds:
        raise AudioError(
            "too_long", f"{found.facts.duration:.0f} s long; {max_seconds:.0f} s may be"
        )
    return found


def listen(
    decoders: Decoders, embedder: Embedder, file: Path, track_id: str, max_seconds: float
) -> Embedding:
    """The embedding of a file of this identity, exactly as an ingest would make it.

    Raises AudioError for what is the file's fault; what the model raises is raised.
    """
    with TemporaryDirectory(prefix="soundalike-") as folder:
        flac = Path(folder) / "canonical.flac"
        decoders.write_canonical(file, track_id, flac, max_seconds)
        scheduler: Scheduler[Path] = Scheduler(embedder)
        with closing(scheduler.run([flac], lambda it: read_windows(it, embedder.windows))) as heard:
            result = next(heard).result
    if isinstance(result, Exception):
        raise result
    return result
