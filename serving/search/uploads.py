"""Uploads: audio sent by clients, decoded in a bounded process, embedded by the index's model.

The first upload that needs the model loads it. If that fails, the request is answered with 503 and
all other routes keep working. Files are embedded one at a time, each with the process's share of
the cores. A service without uploads loads neither FFmpeg nor the model.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import structlog
from anyio import Lock, open_file, to_thread
from fastapi import Request
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect

from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import ServedIndex, search_threads
from serving.limits import MAX_UPLOAD_SECONDS, MAX_UPLOADS, UPLOAD_TIMEOUT_SECONDS
from soundalike.embedders import MODELS, load_embedder, space_for
from soundalike.embedders.base import Embedder
from soundalike.errors import AudioError
from soundalike.settings import Settings

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
        self._loaded: Embedder | None = None

    def close(self) -> None:
        """Stop the decoder process, if one was started."""
        if "_decoders" in vars(self):
            self._decoders.close()

    async def embed(self, request: Request, served: ServedIndex) -> EmbeddedUpload:
        """Embed the request's body in the space of the served index.

        Raises Problem: 408 if the body does not arrive in time, 422 for audio that cannot be
        embedded, 503 for too many uploads at once and if the model fails, 409 if the configured
        model is not the index's. Raises ClientDisconnect if the client disconnected.
        """
        async with _saved(request.stream()) as file:
            if self._pending >= MAX_UPLOADS:
                detail = "too many uploads are being embedded; try again soon"
                raise Problem(503, "busy", detail, RETRY_LATER)
            self._pending += 1
            try:
                async with self._one_at_a_time:
                    if await request.is_disconnected():
                        raise ClientDisconnect
                    return await to_thread.run_sync(self._embed, file, served)
            except AudioError as error:
                raise Problem(422, "unusable-audio", f"{error.code}: {error}") from error
            finally:
                self._pending -= 1

    def _embed(self, file: Path, served: ServedIndex) -> EmbeddedUpload:
        from soundalike.ingest.single_file import embed_file, identify_file  # noqa: PLC0415

        track_id = identify_file(self._decoders, file, MAX_UPLOAD_SECONDS).track_id
        if track_id in served:  # the same audio has the same vector
            return EmbeddedUpload(track_id, served.index.vector(track_id))
        try:
            embedder = self._embedder_for(served)
            vector = embed_file(self._decoders, embedder, file, track_id, MAX_UPLOAD_SECONDS).vector
        except (AudioError, Problem):
            raise
        except Exception as error:  # any failure of the model: the service keeps running
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

        return Decoders(count=1)

    def _load(self, settings: Settings) -> Embedder:
        import torch

        # Search threads use one core each; this model may use all cores of the process.
        torch.set_num_threads(self._threads)
        return load_embedder(settings)


@asynccontextmanager
async def _saved(body: AsyncIterator[bytes]) -> AsyncIterator[Path]:
    """Save the body as a temporary file. `LimitBody` bounds its size.

    Raises Problem: 408 if it does not arrive in time.
    """
    with TemporaryDirectory(prefix="soundalike-upload-") as folder:
        path = Path(folder) / "upload"
        try:
            async with await open_file(path, "wb") as file, asyncio.timeout(UPLOAD_TIMEOUT_SECONDS):
                async for chunk in body:
                    await file.write(chunk)
        except TimeoutError as error:
            detail = f"the body did not arrive within {UPLOAD_TIMEOUT_SECONDS:.0f} s"
            raise Problem(408, None, detail) from error
        yield path
