"""From music files to vectors, outside of any catalog: what is evaluated need not be ingested."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import structlog

from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags import FileTags
from soundalike.audio.windows import read_windows
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.scheduler import Scheduler
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
    """Canonical audio of each file, made where the store has none yet; each recording once.

    Files that cannot be used are logged and left out.
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
        found = [recording for recording in pool.map(one, paths) if recording]
    once = {recording.track_id: recording for recording in reversed(found)}
    return sorted(once.values(), key=lambda recording: recording.path)


def vectors(
    embedder: Embedder, flacs: Mapping[str, Path], cache: Path | None = None
) -> dict[str, FloatArray]:
    """Unit vectors by track id. Kept in `cache` as `<space>/<track id>.npy`, and read from there.

    A track that the model cannot hear (silence) is logged and left out.
    """
    folder = cache / embedder.space.key if cache else None
    known = _cached(folder, flacs)
    missing = [track for track in flacs if track not in known]

    def read(track: str) -> Iterator[FloatArray]:
        return read_windows(flacs[track], embedder.windows)

    with closing(Scheduler[str](embedder).run(missing, read)) as every:
        for heard in every:
            if isinstance(heard.result, Embedding):
                known[heard.item] = heard.result.vector
                if folder:
                    path = folder / f"{heard.item}.npy"
                    with atomic_file(path) as temporary, temporary.open("wb") as file:
                        np.save(file, heard.result.vector)
            elif isinstance(heard.result, AudioError):
                log.warning("evaluation.left_out", track=heard.item, reason=str(heard.result))
            else:
                raise heard.result
    return known


def _cached(folder: Path | None, tracks: Mapping[str, Path]) -> dict[str, FloatArray]:
    if folder is None:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    files = {track: folder / f"{track}.npy" for track in tracks}
    return {track: np.load(file) for track, file in files.items() if file.exists()}


@contextmanager
def altered_copies(flacs: Mapping[str, Path], alteration: Alteration) -> Iterator[dict[str, Path]]:
    """Canonical audio of altered copies, by the original's track id, for as long as it is open.

    Each copy is a file that goes through identification, decoding and resampling as any other.
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
