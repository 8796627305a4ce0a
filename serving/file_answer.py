"""Opened files as answers: whole, or the one range that a request names (RFC 9110, 14)."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from io import BufferedReader

from anyio import to_thread
from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serving.errors import Problem
from serving.etags import NOT_MODIFIED, is_known

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
BLOCK_BYTES = 64 * 1024


class FileAnswer(StreamingResponse):
    """A part of an opened file, whose name is not looked at again; closes it in the end."""

    def __init__(
        self, file: BufferedReader, part: range, status: int, headers: Mapping[str, str], kind: str
    ) -> None:
        """Send the bytes at the positions of `part`."""
        headers = {**headers, "Content-Length": str(len(part))}
        super().__init__(_blocks(file, part), status, headers, kind)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers and bytes; of HEAD the headers alone, and nothing is read."""
        with self._file:
            if scope.get("is_head"):
                await Response(None, self.status_code, self.headers)(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)


def file_answer(
    request: Request, file: BufferedReader, kind: str, headers: Mapping[str, str]
) -> Response:
    """Answer with what the request asks for of an opened file, which is closed in the end.

    Raises Problem: 416 for a range beyond its end.
    """
    state = os.fstat(file.fileno())
    size, etag = state.st_size, f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    headers = {**headers, "ETag": etag, "Accept-Ranges": "bytes"}
    if is_known(request.headers, etag):
        file.close()
        return Response(None, NOT_MODIFIED, headers)
    ends = _range_of(request)
    if ends is None or request.headers.get("if-range", etag) != etag:
        return FileAnswer(file, range(size), 200, headers, kind)
    part = _part(ends, size)
    if not part:
        file.close()
        detail = f"the range is not within the file, which has {size} bytes"
        beyond = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range-not-satisfiable", detail, beyond)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return FileAnswer(file, part, 206, headers, kind)


def _range_of(request: Request) -> tuple[str, str] | None:
    """Return the two ends of the one range that is asked for, either of which may be empty.

    A header of another form does not count (RFC 9110, 14.2).
    """
    match = ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return None
    return match[1], match[2]


def _part(ends: tuple[str, str], size: int) -> range:
    """Return the positions of a range in a file of that size: none, if it is beyond the end."""
    first, last = ends
    if not first:  # the last bytes, so many
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


async def _blocks(file: BufferedReader, part: range) -> AsyncIterator[bytes]:
    """Yield the bytes; fewer if the file was truncated meanwhile, for which the server aborts."""
    position = part.start
    while position < part.stop:
        wanted = min(BLOCK_BYTES, part.stop - position)
        block = await to_thread.run_sync(os.pread, file.fileno(), wanted, position)
        if not block:
            return
        position += len(block)
        yield block
