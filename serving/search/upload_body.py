"""The body of an upload: an audio file as it is, or as the part `file` of a form."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.errors import Problem
from serving.search.upload_folder import room_required

FORM = "multipart/form-data"
PART = "file"
WRITE_BYTES = 2**20  # buffered, because each write goes to a thread
MAX_PART_HEADER_BYTES = 4096

Take = Callable[[bytes], None]


async def save_body(request: Request, path: Path) -> None:
    """Save the audio file that the request's body is, or holds. `LimitBody` bounds its size.

    Raises Problem: 415 for a type of content that is no audio, 400 for a form that is broken, 422
    for one without exactly one file, 503 without room.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    content_type = kind.decode("latin-1")
    if content_type == FORM:
        form = _Form(options.get(b"boundary", b""))
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


class _Form:
    """A form whose only part is a file; its content is passed on, never held."""

    def __init__(self, boundary: bytes) -> None:
        self._content = bytearray()
        self._header = b""
        self._value = b""
        self._name: bytes | None = None
        self._files = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_begin": self._header_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_part_begin": self._part_begins,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_end": self._end,
                },
            )
        except (FormParserError, ValueError) as error:
            raise _broken() from error

    async def read(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the file's content."""
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _broken() from error
            yield bytes(self._content)
            self._content.clear()

    def require_file(self) -> None:
        """Require that the whole form came, and a file in it. Raises Problem."""
        if not self._ended:
            raise _broken()
        if self._files != 1:
            raise Problem(422, "invalid-request", f"send the audio file as the part `{PART}`")

    def _part_begins(self) -> None:
        self._name = None

    def _header_begins(self) -> None:
        self._header = self._value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = self._bounded(self._header + data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = self._bounded(self._value + data[start:end])

    def _bounded(self, value: bytes) -> bytes:
        if len(value) > MAX_PART_HEADER_BYTES:
            raise _broken()
        return value

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name")

    def _headers_end(self) -> None:
        if self._name != PART.encode() or self._files:
            detail = f"a form may have one part, `{PART}`: the audio file; options go in the query"
            raise Problem(422, "invalid-request", detail)
        self._files += 1

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        self._ended = True


def _broken() -> Problem:
    return Problem(
        400, "broken-form", "the body is no valid multipart/form-data; is its boundary right?"
    )
