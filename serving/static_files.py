"""Files that are served as they are: read at the start, so that all that is sent fits together."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fastapi import Response

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def answering(
    file: Path, headers: Mapping[str, str] | None = None
) -> Callable[[], Awaitable[Response]]:
    """Return the route of a file: a path of its own, so that no path of a client is ever opened."""
    content = file.read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=TYPES[file.suffix], headers=headers)

    return answer
