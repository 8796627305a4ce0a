"""Uploads: audio sent by clients, decoded in a bounded process, embedded by the index's model.

The first upload that needs the model loads it. If that fails, the request is answered with 503 and
all other routes keep working. Files are embedded one at a time, each with the process's share of
the cores. A service without uploads loads neither FFmpeg nor the model.
"""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import structlog
from anyio import Lock, to_thread
from fastapi import Request
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect

from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import ServedIndex, search_threads
from serving.limits import (
    ABANDONED_POLL_SECONDS,
    MAX_UPLOAD_CPU_SECONDS,
    MAX_UPLOAD_SAMPLES,
    MAX_UPLOAD_SECONDS,
    MAX_UPLOADS,
    UPLOAD_TIMEOUT_SECONDS,
)
from serving.search.not_audio import require_possible_audio
from serving.search.upload_body import save_body
from serving.search.upload_folder import UploadFolder, no_room
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


class UploadEmbedder:
    """The embedder of uploads: the process's decoder and the served index's model.

    Both are loaded when first needed; the model again when an index of another one is served.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = search_threads(settings)
        self._one_at_a_time = Lock()
        self._pending = 0
        self._folder = UploadFolder(settings.uploads or settings.data / "uploads")
        self._folder.sweep()
        self._working: Event | None = None  # the upload that is being embedded
        self._loaded: Embedder | None = None

    @property
    def pending(self) -> int:
        """The uploads that are received, queued or embedded."""
        return self._pending

    @property
    def decoder_processes(self) -> tuple[int, int, int]:
        """Counts of the processes that decode, that wait for work, and that were ever started."""
        return self._decoders.processes if "_decoders" in vars(self) else (0, 0, 0)

    def close(self) -> None:
        """Stop the decoder process, if one was started, and remove the folder of uploads."""
        if "_decoders" in vars(self):
            self._decoders.close()
        self._folder.close()

    async def embed(self, request: Request, served: ServedIndex) -> EmbeddedUpload:
        """Embed the request's body in the space of the served index.

        A place is taken before the body is read, so that the places bound the disk. If the sender
        leaves, the work ends and the place is free. Raises Problem: 408 if the body does not
        arrive in time, 415 and 400 for other bodies than audio or a form with a file, 422 for audio
        that cannot be embedded, 503 for too many uploads at once, without room, and if the model
        fails, 409 if the configured model is not the index's. Raises ClientDisconnect.
        """
        if self._pending >= MAX_UPLOADS:
            detail = "too many uploads are being received or embedded; try again soon"
            raise Problem(503, "busy", detail, RETRY_LATER)
        self._pending += 1
        try:
            with self._folder.upload(MAX_UPLOADS) as folder:
                file = folder / "upload"
                await _receive(request, file)
                return await self._unless_gone(request, file, served)
        except AudioError as error:
            detail = f"{error.code}: {error}"
            raise Problem(422, "unusable-audio", detail, code=error.code) from error
        finally:
            self._pending -= 1

    async def _unless_gone(
        self, request: Request, file: Path, served: ServedIndex
    ) -> EmbeddedUpload:
        """Embed the file, or end that as soon as the sender has left."""
        abandoned = Event()
        work = asyncio.create_task(self._in_turn(file, served, abandoned))
        gone = asyncio.create_task(_until_gone(request))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientDisconnect
            return work.result()
        finally:
            gone.cancel()
            await self._end(work, abandoned)

    async def _in_turn(self, file: Path, served: ServedIndex, abandoned: Event) -> EmbeddedUpload:
        async with self._one_at_a_time:
            self._working = abandoned
            try:
                return await to_thread.run_sync(self._embed, file, served, abandoned)
            finally:
                self._working = None

    async def _end(self, work: "asyncio.Task[EmbeddedUpload]", abandoned: Event) -> None:
        """End work that nobody waits for; its file may be removed when this returns."""
        if work.done():
            return
        abandoned.set()
        if self._working is not abandoned:  # still queued; a thread could not be cancelled
            work.cancel()
        while not work.done():
            if self._working is abandoned:  # again, as it may begin to decode at any moment
                self._decoders.interrupt()
            await asyncio.wait((work,), timeout=ABANDONED_POLL_SECONDS)
        if not work.cancelled():
            work.exception()  # seen: what became of it concerns nobody

    def _embed(self, file: Path, served: ServedIndex, abandoned: Event) -> EmbeddedUpload:
        from soundalike.ingest.single_file import (  # noqa: PLC0415
            FileLimits,
            embed_file,
            identify_file,
        )

        require_possible_audio(file)
        limits = FileLimits(MAX_UPLOAD_SECONDS, MAX_UPLOAD_SAMPLES)
        track_id = identify_file(self._decoders, file, limits).track_id
        if track_id in served:  # the same audio has the same vector
            return EmbeddedUpload(track_id, served.index.vector(track_id))
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


async def _receive(request: Request, file: Path) -> None:
    """Save the request's audio. Raises Problem: 408 if it does not arrive in time."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_SECONDS):
            await save_body(request, file)
    except TimeoutError as error:
        detail = f"the body did not arrive within {UPLOAD_TIMEOUT_SECONDS:.0f} s"
        raise Problem(408, None, detail) from error


async def _until_gone(request: Request) -> None:
    """Return when the sender has left; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
