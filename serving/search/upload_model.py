"""The model of uploads: a bounded process that decodes them, and the served index's embedder.

The first upload that needs the model loads it. If that fails, the request is answered with 503 and
all other routes keep working. A service without uploads loads neither FFmpeg nor the model.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import structlog
from numpy.typing import NDArray

from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import search_threads
from serving.index.served_index import ServedIndex
from serving.limits import MAX_UPLOAD_CPU_SECONDS, MAX_UPLOAD_SAMPLES, MAX_UPLOAD_SECONDS
from serving.search.not_audio import require_possible_audio
from serving.search.upload_folder import no_room
from soundalike.embedders import MODELS, load_embedder, space_for
from soundalike.embedders.base import Embedder
from soundalike.errors import AudioError, WorkAbandoned
from soundalike.settings import Settings
from soundalike.storage.disk_space import DISK_ERRNOS

if TYPE_CHECKING:
    from soundalike.audio.sandbox import Decoders
    from soundalike.vectors.index_files import IndexManifest

log = structlog.get_logger()


@dataclass(frozen=True)
class EmbeddedUpload:
    """An upload's identity, and its unit vector, float32 [dim]."""

    track_id: str
    vector: NDArray[np.float32]


class UploadModel:
    """The process's decoder and the served index's model, each loaded when it is first needed.

    The model is loaded again when an index of another one is served.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = search_threads(settings)
        self._loaded: Embedder | None = None

    @property
    def decoder_processes(self) -> tuple[int, int, int]:
        """Counts of the processes that decode, that wait for work, and that were ever started."""
        return self._decoders.processes if "_decoders" in vars(self) else (0, 0, 0)

    def interrupt(self) -> None:
        """End what is being decoded."""
        self._decoders.interrupt()

    def close(self) -> None:
        """Stop the decoder process, if one was started."""
        if "_decoders" in vars(self):
            self._decoders.close()

    def embed(self, file: Path, served: ServedIndex, abandoned: Event) -> EmbeddedUpload:
        """Embed a file in the space of the served index; runs in a thread, one at a time.

        Raises AudioError, WorkAbandoned soon after `abandoned` is set, and Problem: 409 if the
        configured model is not the index's, 503 if it fails or there is no room.
        """
        from soundalike.ingest.single_file import (  # noqa: PLC0415
            FileLimits,
            embed_file,
            identify_file,
        )

        require_possible_audio(file)
        limits = FileLimits(MAX_UPLOAD_SECONDS, MAX_UPLOAD_SAMPLES)
        track_id = identify_file(self._decoders, file, limits).track_id
        if track_id in served:  # the same audio has the same vector
            return EmbeddedUpload(track_id, served.index.vectors_of([track_id])[0])
        try:
            embedder = self._embedder_for(served)
            vector = embed_file(
                self._decoders, embedder, file, track_id, limits.seconds, abandoned.is_set
            ).vector
        except (AudioError, Problem, WorkAbandoned):
            raise
        except Exception as error:  # any failure of the model: the service keeps running
            if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
                raise no_room() from error
            log.exception("upload.embedding_failed")
            detail = (
                "the model cannot embed uploads now; the log has the cause under this correlation "
                "id, and queries by track id still work"
            )
            raise Problem(503, "model-unavailable", detail, RETRY_LATER) from error
        return EmbeddedUpload(track_id, vector)

    def _embedder_for(self, served: ServedIndex) -> Embedder:
        settings, indexed = self._settings_for(served.manifest), served.manifest.space
        space = space_for(settings).key
        if space != indexed:
            detail = (
                f"the served index has the space {indexed}, and uploads would have {space}; unset "
                "SOUNDALIKE_MODEL and SOUNDALIKE_WINDOWS, and uploads follow the index, or give "
                "the API the weights that made it"
            )
            raise Problem(409, "other-space", detail)
        if self._loaded is None or self._loaded.space.key != space:
            self._loaded = None  # its memory is freed first
            self._loaded = self._load(settings)
        return self._loaded

    def _settings_for(self, manifest: "IndexManifest") -> Settings:
        """The model and windows that made the index, where the process sets none itself."""
        if manifest.model not in MODELS:
            return self._settings
        made_by = {
            "model": manifest.model,
            "windows": manifest.parameters.get("most_windows", self._settings.windows),
        }
        free = made_by.keys() - self._settings.model_fields_set
        return self._settings.following({name: made_by[name] for name in free})

    @cached_property
    def _decoders(self) -> "Decoders":
        from soundalike.audio.sandbox import Decoders  # noqa: PLC0415 - see the module docstring

        return Decoders(count=1, cpu_seconds=MAX_UPLOAD_CPU_SECONDS)

    def _load(self, settings: Settings) -> Embedder:
        import torch

        # Search threads use one core each; this model may use all cores of the process.
        torch.set_num_threads(self._threads)
        return load_embedder(settings)
