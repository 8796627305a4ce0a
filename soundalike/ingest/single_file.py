"""Embedding of a single file outside of the library, as for uploads.

The stages do the same for batches; here nothing is stored.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.embedders.base import Embedder, Embedding
from soundalike.embedders.scheduler import embed_files
from soundalike.errors import AudioError


def identify_file(decoders: Decoders, file: Path, max_seconds: float) -> Identified:
    """Identify a file's audio.

    Raises AudioError as `Decoders.read` does, and AudioError("too_long") above `max_seconds`.
    """
    identified, _ = decoders.read(file)
    duration = identified.facts.duration or 0
    if duration > max_seconds:
        raise AudioError("too_long", f"{duration:.0f} s long; the limit is {max_seconds:.0f} s")
    return identified


def embed_file(
    decoders: Decoders, embedder: Embedder, file: Path, track_id: str, max_seconds: float
) -> Embedding:
    """Embed the audio that has this identity in a file, exactly as an ingest would.

    Raises AudioError if the file cannot be used; errors of the model are raised as they are.
    """
    with TemporaryDirectory(prefix="soundalike-") as folder:
        flac = Path(folder) / "canonical.flac"
        decoders.write_canonical(file, track_id, flac, max_seconds)
        with embed_files(embedder, {track_id: flac}) as items:
            result = next(items).result
    if isinstance(result, Exception):
        raise result
    return result
