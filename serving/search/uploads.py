"""Uploads: audio that a client sends, decoded in a bounded process, embedded by the index's model.

The model is loaded by the first upload. If it cannot be, that request is answered with 503 and
everything else goes on. One file at a time: each takes the process's share of the cores. A service
that gets no upload loads neither FFmpeg nor the model.
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
from soundalike.embedders import load_embedder, space_for
from soundalike.embedders.base import Embedder
from soundalike.errors import AudioError
from soundalike.settings import Settings

if TYPE_CHECKING:
    from soundalike.audio.sandbox import Decoders

log = structlog.get_logger()


@dataclass(frozen=True)
class EmbeddedUpload:
    """An upload's identity, and its unit vector, float32 [dim]."""

    track_id: str
    vector: NDArray[np.float32]


class UploadEmbedder:
    """The process's decoders and model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = search_threads(settings)
        self._turn = Lock()
        self._waiting = 0

    def close(self) -> None:
        """End its processes."""
        if "_decoders" in vars(self):
            self._decoders.close()

    async def embed(self, request: Request, served: ServedIndex) -> EmbeddedUpload:
        """Embed the request's body in the space of the served index.

        Raises Problem for audio that cannot be embedded, for too many uploads at once, and if the
        model cannot be loaded. Raises ClientDisconnect if the client is gone.
        """
        async with _kept(request.stream()) as file:
            if self._waiting >= MAX_UPLOADS:
                detail = "other uploads are being embedded; try again soon"
                raise Problem(503, "busy", detail, RETRY_LATER)
            self._waiting += 1
            try:
                async with self._turn:
                    if await request.is_disconnected():
                        raise ClientDisconnect
                    return await to_thread.run_sync(self._embed, file, served)
            except AudioError as error:
                raise Problem(422, "unusable-audio", f"{error.code}: {error}") from error
            finally:
                self._waiting -= 1

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
        except Exception as error:  # whatever a model fails of, the service goes on
            log.exception("an upload cannot be embedded")
            detail = (
                f"the model cannot embed it now: {error}; tracks of the index can be searched for"
            )
            raise Problem(503, "model-unavailable", detail, RETRY_LATER) from error
        return EmbeddedUpload(track_id, vector)

    def _embedder_for(self, served: ServedIndex) -> Embedder:
        ours, theirs = space_for(self._settings).key, served.manifest.space
        if ours != theirs:
            detail = f"the served index is of {theirs}, and the model that is set is {ours}"
            raise Problem(409, "other-space", f"{detail}; wait for its index, or set the other")
        return self._embedder

    @cached_property
    def _decoders(self) -> "Decoders":
        from soundalike.audio.sandbox import Decoders  # noqa: PLC0415 - see the module

        return Decoders(count=1)

    @cached_property
    def _embedder(self) -> Embedder:
        import torch

        # The search threads have one core each; this one may have all of the process's.
        torch.set_num_threads(self._threads)
        return load_embedder(self._settings)


@asynccontextmanager
async def _kept(body: AsyncIterator[bytes]) -> AsyncIterator[Path]:
    """The body as a file, for as long as it is needed. Its size is bounded by `BoundBody`."""
    with TemporaryDirectory(prefix="soundalike-upload-") as folder:
        path = Path(folder) / "upload"
        try:
            async with await open_file(path, "wb") as file, asyncio.timeout(UPLOAD_TIMEOUT_SECONDS):
                async for chunk in body:
                    await file.write(chunk)
        except TimeoutError as error:
            detail = f"the file did not arrive within {UPLOAD_TIMEOUT_SECONDS:.0f} s"
            raise Problem(408, None, detail) from error
        yield path
