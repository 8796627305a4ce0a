"""The page for listening: `/`, and the files of serving/web that it is made of.

Each file has a route of its own, so no path that a client sends is ever opened.
"""

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

WEB = Path(str(files("serving") / "web"))
INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing runs or loads but what this server sends; no text becomes HTML (Trusted Types).
POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "worker-src 'self'", "style-src 'self'"),
        *("img-src 'self'", "media-src 'self'", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        *("require-trusted-types-for 'script'", "trusted-types soundalike"),
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
NOT_MODIFIED = 304


def _answering(file: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return the route of a file, whose bytes are read now: all that are sent fit together."""
    content = file.read_bytes()
    headers = {**HEADERS, "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        # Weak where the answer was compressed on its way: the same file all the same.
        if headers["ETag"] in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(status_code=NOT_MODIFIED, headers=headers)
        return Response(content, media_type=TYPES[file.suffix], headers=headers)

    return answer


router.add_api_route("/", _answering(WEB / INDEX), name="page")
for _file in sorted(WEB.rglob("*")):
    if _file.is_file() and _file.name != INDEX:
        _name = _file.relative_to(WEB).as_posix()
        router.add_api_route(f"/web/{_name}", _answering(_file), name=f"web/{_name}")
