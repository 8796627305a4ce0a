"""The page for listening: `/`, and the files of serving/web that it is made of."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter

from serving.static_files import answering

router = APIRouter(include_in_schema=False)

WEB = Path(str(files("serving") / "web"))
INDEX = "index.html"
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

router.add_api_route("/", answering(WEB / INDEX, HEADERS), name="page")
for _file in sorted(WEB.rglob("*")):
    if _file.is_file() and _file.name != INDEX:
        _name = _file.relative_to(WEB).as_posix()
        router.add_api_route(f"/web/{_name}", answering(_file, HEADERS), name=f"web/{_name}")
