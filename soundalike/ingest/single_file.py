"""One file from its bytes to its vector, outside of the library: how uploads are embedded.

The stages do the same for batches; nothing of this is kept.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.embedders.base import Embedder, Embedding
from soundalike.embedders.scheduler import embed_files
from soundalike.errors import AudioError


def identify_file(decoders: Decoders, file: Path, max_seconds: float) -> Identified:
    """Identify a file's audio. Raises AudioError as `Decoders.read` does, and `too_long`."""
    identified, _ = decoders.read(file)
    duration = identified.facts.duration or 0
    if duration > max_seconds:
        raise AudioError("too_long", f"{duration:.0f} s long; {max_seconds:.0f} s may be")
    return identified


def embed_file(
    decoders: Decoders, embedder: Embedder, file: Path, track_id: str, max_seconds: float
) -> Embedding:
    """Embed a file of this identity, exactly as an ingest would.

    Raises AudioError for what is the file's fault; what the model raises is raised.
    """
    with TemporaryDirectory(prefix="soundalike-") as folder:
        flac = Path(folder) / "canonical.flac"
        decoders.write_canonical(file, track_id, flac, max_seconds)
        with embed_files(embedder, {track_id: flac}) as items:
            result = next(items).result
    if isinstance(result, Exception):
        raise result
    return result
