"""Hearing audio that a client sends: decoded in a bounded process, by the model the index is of.

The model is loaded by the first upload. If it cannot be, that question is answered with 503 and
everything else goes on. One file at a time: each takes all the cores it can get. A service that
hears nothing loads neither FFmpeg nor the model.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import structlog
from anyio import CapacityLimiter, open_file, to_thread
from numpy.typing import NDArray

from serving.errors import RETRY_LATER, Problem
from serving.limits import LONGEST_UPLOAD, MOST_UPLOADS
from serving.live_index import ServedIndex
from soundalike.embedders import load_embedder, space_for
from soundalike.embedders.base import Embedder
from soundalike.errors import AudioError
from soundalike.settings import Settings

if TYPE_CHECKING:
    from soundalike.audio.sandbox import Decoders

log = structlog.get_logger()


@dataclass(frozen=True)
class Heard:
    """What an upload is: its identity, and its unit vector, float32 [dim]."""

    track_id: str
    vector: NDArray[np.float32]


class Listener:
    """The process's decoders and model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns = CapacityLimiter(1)
        self._waiting = 0

    def close(self) -> None:
        """End its processes."""
        if "_decoders" in vars(self):
            self._decoders.close()

    async def hear(self, body: AsyncIterator[bytes], served: ServedIndex) -> Heard:
        """What the body sounds like, in the space of the served index.

        A Problem for what is no audio that can be heard, for too many at once, and if the model
        cannot be had.
        """
        if self._waiting >= MOST_UPLOADS:
            raise Problem(503, "busy", "other uploads are being heard; try again soon", RETRY_LATER)
        self._waiting += 1
        try:
            async with _kept(body) as file:
                return await to_thread.run_sync(self._heard, file, served, limiter=self._turns)
        except AudioError as error:
            raise Problem(422, "unusable-audio", f"{error.code}: {error}") from error
        finally:
            self._waiting -= 1

    def _heard(self, file: Path, served: ServedIndex) -> Heard:
        from soundalike.ingest.listen import identified, listen  # noqa: PLC0415

        track_id = identified(self._decoders, file, LONGEST_UPLOAD).track_id
        if track_id in served:  # the same audio has the same vector
            return Heard(track_id, served.index.vector(track_id))
        try:
            embedder = self._embedder_for(served)
            vector = listen(self._decoders, embedder, file, track_id, LONGEST_UPLOAD).vector
        except (AudioError, Problem):
            raise
        except Exception as error:  # whatever a model fails of, the service goes on
            log.exception("an upload cannot be heard")
            detail = f"the model cannot hear it now: {error}; tracks of the index can be asked for"
            raise Problem(503, "model-unavailable", detail, RETRY_LATER) from error
        return Heard(track_id, vector)

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
        return load_embedder(self._settings)


@asynccontextmanager
async def _kept(body: AsyncIterator[bytes]) -> AsyncIterator[Path]:
    """The body as a file, for as long as it is needed. Its size is bounded by `BoundBody`."""
    with TemporaryDirectory(prefix="soundalike-upload-") as folder:
        path = Path(folder) / "upload"
        async with await open_file(path, "wb") as file:
            async for chunk in body:
                await file.write(chunk)
        yield path
