"""The body of an upload: an audio file as it is, or as the part `file` of a form."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread
from fastapi import Request
from python_multipart.multipart import parse_options_header

from serving.errors import Problem
from serving.search.upload_folder import room_required
from serving.search.upload_form import UploadForm

FORM = "multipart/form-data"
WRITE_BYTES = 2**20  # buffered, because each write goes to a thread


async def save_body(request: Request, path: Path) -> None:
    """Save the audio file that the request's body is, or holds. `LimitBody` bounds its size.

    Raises Problem: 415 for a type of content that is no audio, 400 for a form that is broken, 422
    for one without exactly one file, 503 without room.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    content_type = kind.decode("latin-1")
    if content_type == FORM:
        form = UploadForm(options.get(b"boundary", b""))
        await _write(path, form.read(request.stream()))
        form.require_file()
    elif _may_be_audio(content_type):
        await _write(path, request.stream())
    else:
        raise Problem(
            415,
            "unsupported-media-type",
            "send the audio file as multipart/form-data with the part `file`, or as the whole body "
            "with Content-Type application/octet-stream, audio/* or video/*, or without one: "
            "`curl --form file=@song.mp3 URL`",
            {"Accept-Post": f"{FORM}, application/octet-stream, audio/*, video/*"},
        )


def _may_be_audio(content_type: str) -> bool:
    kind, _, subtype = content_type.partition("/")
    return kind in {"", "audio", "video"} or (
        kind == "application" and subtype in {"octet-stream", "ogg"}
    )


async def _write(path: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write the chunks to the file, in threads and about a mebibyte at a time."""
    with room_required():
        opened = path.open("wb")
    with opened as file:
        pending = bytearray()
        async for chunk in chunks:
            pending += chunk
            if len(pending) >= WRITE_BYTES:
                await to_thread.run_sync(_write_all, file, bytes(pending))
                pending.clear()
        await to_thread.run_sync(_write_all, file, bytes(pending))


def _write_all(file: BinaryIO, data: bytes) -> None:
    with room_required():
        file.write(data)
        file.flush()
