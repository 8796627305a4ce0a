"""Uploads: audio sent by clients is received in bounded places, and embedded in turn.

Files are embedded one at a time, each with the process's share of the cores.
"""

import asyncio
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import structlog
from anyio import Lock, to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from serving.errors import RETRY_LATER, Problem
from serving.index.served_index import ServedIndex
from serving.limits import (
    ABANDONED_POLL_SECONDS,
    MAX_UPLOADS,
    UPLOAD_TIMEOUT_SECONDS,
)
from serving.search.upload_body import save_body
from serving.search.upload_folder import UploadFolder
from serving.search.upload_model import EmbeddedUpload, UploadModel
from soundalike.errors import AudioError
from soundalike.settings import Settings

if TYPE_CHECKING:
    pass

log = structlog.get_logger()


class UploadEmbedder:
    """The embedder of uploads: places for so many, which are embedded one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._model = UploadModel(settings)
        self._one_at_a_time = Lock()
        self._pending = 0
        self._folder = UploadFolder(settings.uploads or settings.data / "uploads")
        self._folder.sweep()
        self._working: Event | None = None  # the upload that is being embedded

    @property
    def pending(self) -> int:
        """The uploads that are received, queued or embedded."""
        return self._pending

    @property
    def decoder_processes(self) -> tuple[int, int, int]:
        """Counts of the processes that decode, that wait for work, and that were ever started."""
        return self._model.decoder_processes

    def close(self) -> None:
        """Stop the decoder process, if one was started, and remove the folder of uploads."""
        self._model.close()
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
                return await to_thread.run_sync(self._model.embed, file, served, abandoned)
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
                self._model.interrupt()
            await asyncio.wait((work,), timeout=ABANDONED_POLL_SECONDS)
        if not work.cancelled():
            work.exception()  # seen: what became of it concerns nobody


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
