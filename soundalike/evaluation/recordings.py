"""Music files to vectors without a catalog: evaluated files need not be ingested."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import structlog

from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.fields import FileTags
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.scheduler import embed_files
from soundalike.errors import AudioError
from soundalike.evaluation.alterations import Alteration
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore

log = structlog.get_logger()

THREADS = 4


@dataclass(frozen=True)
class Recording:
    """A file of the collection, its identity, its tags and its canonical audio."""

    path: Path
    track_id: str
    tags: FileTags
    flac: Path


def decoded(paths: Sequence[Path], store: ArtifactStore, decoders: Decoders) -> list[Recording]:
    """Decode each file to canonical audio, unless the store has it; returns each recording once.

    Sorted by path. Files that cannot be used are logged and left out.
    """

    def one(path: Path) -> Recording | None:
        try:
            identified, tags = decoders.read(path)
            flac = store.audio(identified.track_id)
            if not flac.exists():
                decoders.write_canonical(path, identified.track_id, flac)
        except AudioError as error:
            log.warning("evaluation.left_out", path=str(path), code=error.code, reason=str(error))
            return None
        return Recording(path, identified.track_id, tags, flac)

    with ThreadPoolExecutor(THREADS) as pool:
        recordings = [recording for recording in pool.map(one, paths) if recording]
    once = {recording.track_id: recording for recording in reversed(recordings)}
    return sorted(once.values(), key=lambda recording: recording.path)


def vectors(
    embedder: Embedder, flacs: Mapping[str, Path], cache: Path | None = None
) -> dict[str, FloatArray]:
    """Embed tracks: unit vectors, float32 [dim], by track id.

    With `cache`, they are kept as `<cache>/<space>/<track id>.npy`. A track that cannot be embedded
    (silence) is logged and left out. Other errors are raised.
    """
    folder = cache / embedder.space.key if cache else None
    known = _cached(folder, flacs)
    with embed_files(embedder, {t: flac for t, flac in flacs.items() if t not in known}) as items:
        for item in items:
            if isinstance(item.result, Embedding):
                known[item.item] = item.result.vector
                if folder:
                    path = folder / f"{item.item}.npy"
                    with atomic_file(path) as temporary, temporary.open("wb") as file:
                        np.save(file, item.result.vector)
            elif isinstance(item.result, AudioError):
                log.warning("evaluation.left_out", track=item.item, reason=str(item.result))
            else:
                raise item.result
    return known


def _cached(folder: Path | None, tracks: Mapping[str, Path]) -> dict[str, FloatArray]:
    if folder is None:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    files = {track: folder / f"{track}.npy" for track in tracks}
    return {track: np.load(file) for track, file in files.items() if file.exists()}


@contextmanager
def altered_copies(flacs: Mapping[str, Path], alteration: Alteration) -> Iterator[dict[str, Path]]:
    """Make canonical audio of altered copies, by the original's track id; deleted at the end.

    Each copy is a file that is identified, decoded and resampled as any other.
    """
    with tempfile.TemporaryDirectory(prefix="soundalike-") as scratch:

        def copy(track: str) -> Path:
            samples, _ = soundfile.read(flacs[track], dtype="float32")
            changed = Path(scratch) / f"{track}.altered.{alteration.suffix}"
            alteration.write(samples, changed)
            flac = Path(scratch) / f"{track}.flac"
            write_canonical(changed, identify(changed).track_id, flac)
            changed.unlink()
            return flac

        with ThreadPoolExecutor(THREADS) as pool:
            yield dict(zip(flacs, pool.map(copy, flacs), strict=True))
