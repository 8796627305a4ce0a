"""Sessions of browsers: a cookie that stands for a key, since `<audio>` sends no headers of ours.

The cookie holds the key's reference, an end, and a signature over both by a secret of the data root
and the key's hash. So every worker knows it without keeping anything, a key that is revoked or
replaced ends it, and neither the catalog alone nor the data root alone is enough to make one.
"""

import hmac
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from serving.errors import Problem
from serving.key_ring import Caller, KeyRing
from serving.limits import MAX_COOKIE_LENGTH, SESSION_SECONDS

COOKIE = "soundalike_session"
SECRET_BYTES = 32
MAX_TOKEN = 200  # characters; ours have about 90
NEW_KEY_SECONDS = 0.5  # cookies that anyone can make up cost the catalog two readings a second


@dataclass(frozen=True)
class Token:
    """A cookie's content: the key's reference, when it ends (Unix seconds), and the signature."""

    reference: str
    ends: int
    signature: str

    @classmethod
    def parse(cls, text: str) -> "Token | None":
        """Return the token that a cookie holds; None for anything else."""
        parts = text.split(".")
        if (
            len(parts) != len(cls.__dataclass_fields__)
            or len(text) > MAX_TOKEN
            or not text.isascii()
        ):
            return None
        reference, ends, signature = parts
        return cls(reference, int(ends), signature) if ends.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.reference}.{self.ends}.{self.signature}"


class BrowserSessions:
    """The sessions of browsers that sent a key."""

    def __init__(self, ring: KeyRing, secret_file: Path) -> None:
        """Sign with the secret of that file, which is made when the first session is."""
        self._ring = ring
        self._file = secret_file

    def open(self, caller: Caller) -> Token | None:
        """Return a token for the caller; None for one who needs no key, or whose is no more.

        Raises Problem: 503 if the secret can be neither read nor written.
        """
        known = self._ring.known(caller.reference)
        if known is None or known[0] != caller:
            return None
        ends = int(time.time()) + SESSION_SECONDS
        return Token(caller.reference, ends, self._signature(caller.reference, ends, known[1]))

    async def caller(self, cookie: str) -> Caller | None:
        """Return whose session the cookie is; None for one that is over, or none of ours."""
        token = Token.parse(cookie)
        if token is None or token.ends < time.time() or not self._file.exists():
            return None
        known = self._ring.known(token.reference)
        if known is None:
            await self._ring.refresh(older_than=NEW_KEY_SECONDS)  # the key may be new
            known = self._ring.known(token.reference)
        if known is None:
            return None
        caller, sha256 = known
        signature = self._signature(token.reference, token.ends, sha256)
        return caller if secrets.compare_digest(signature, token.signature) else None

    def _signature(self, reference: str, ends: int, sha256: str) -> str:
        return hmac.digest(self._secret(), f"{reference}.{ends}.{sha256}".encode(), "sha256").hex()

    def _secret(self) -> bytes:
        """Read the secret each time: who deletes the file ends all sessions, in every worker."""
        try:
            return _read_or_make(self._file)
        except OSError as error:
            detail = (
                "no session can be opened, as the data root cannot be read and written; its log "
                "has the cause under this correlation id"
            )
            raise Problem(503, "unavailable", detail) from error


def session_of(headers: Headers) -> str | None:
    """Return the request's cookie of a session, if it has one."""
    cookie = headers.get("cookie", "")
    if COOKIE not in cookie or len(cookie) > MAX_COOKIE_LENGTH:
        return None
    return cookie_parser(cookie).get(COOKIE)


def _read_or_make(path: Path) -> bytes:
    """Return the file's secret; of workers that make it at the same time one wins."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    return path.read_bytes()
