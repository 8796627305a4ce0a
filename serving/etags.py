"""Entity tags: which answer a client has, and whether it is still the same (RFC 9110, 13)."""

import hashlib

from starlette.datastructures import Headers

NOT_MODIFIED = 304


def etag_of(content: bytes) -> str:
    """Return the tag of these bytes: weak, as they may be sent compressed."""
    return f'W/"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def is_known(headers: Headers, etag: str) -> bool:
    """Return whether the request's If-None-Match names the tag, or any (`*`)."""
    known = [each.strip() for each in ",".join(headers.getlist("if-none-match")).split(",")]
    return "*" in known or _opaque(etag) in map(_opaque, known)


def _opaque(etag: str) -> str:
    """Return the tag by which weak and strong ones compare alike."""
    return etag.removeprefix("W/")
