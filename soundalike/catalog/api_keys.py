"""Keys of the API: their scopes, and how they are made, stored, listed and revoked."""

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Collection
from typing import Literal

from sqlalchemy import Select, Update, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from soundalike.catalog.tables import ApiKeyRow
from soundalike.errors import LibraryError

Scope = Literal["read", "admin"]

MARK = "soundalike_"  # so that scanners for secrets, and people, know what they have found
SHOWN_CHARACTERS = len(MARK) + 6  # of the 43 random ones, which leaves 222 bits unknown
NAME = re.compile(r"(?!\d+$)[\w.-]{1,64}", re.ASCII)  # no number, as that is an id
LAST_USED_RESOLUTION = dt.timedelta(hours=1)
USABLE = ApiKeyRow.revoked_at.is_(None)


def hash_of(key: bytes) -> str:
    """Return the hash that a key is stored and looked up by.

    A slow, salted hash protects words that people choose from being guessed. Keys are 256 random
    bits, which nobody guesses however fast the hash is, and every request needs it.
    """
    return hashlib.sha256(key).hexdigest()


def add_key(session: Session, name: str, scope: Scope) -> str:
    """Make a key and store its hash; the key is returned here and never again.

    Raises LibraryError if the name is none, or is that of another key.
    """
    if not NAME.fullmatch(name):
        raise LibraryError(
            f"{name!r} is no name for a key: up to 64 letters, digits, `.`, `_` and `-`, and not "
            "digits alone"
        )
    _lock(session)
    if name in _names(session):
        raise LibraryError(f"there is a key named {name}; revoke it first, or take another name")
    key = MARK + secrets.token_urlsafe(32)
    prefix, sha256 = key[:SHOWN_CHARACTERS], hash_of(key.encode())
    session.add(ApiKeyRow(name=name, scope=scope, prefix=prefix, sha256=sha256))
    return key


def every_key() -> Select[ApiKeyRow]:
    """Select all keys, revoked ones too, by age."""
    return select(ApiKeyRow).order_by(ApiKeyRow.id)


def has_usable_key(session: Session) -> bool:
    """Return whether a key is there that is not revoked."""
    return bool(_names(session))


def revoke_key(session: Session, name_or_id: str) -> ApiKeyRow:
    """Revoke the key of that name or id. Raises LibraryError, which names those there are."""
    _lock(session)
    usable = session.scalars(every_key().where(USABLE)).all()
    for row in usable:
        if name_or_id in {row.name, str(row.id)}:
            row.revoked_at = func.now()
            return row
    known = ", ".join(row.name for row in usable) or "none"
    raise LibraryError(f"no key has the name or id {name_or_id!r}; there are: {known}")


def forget_keys(session: Session) -> int:
    """Delete all keys and that there ever were any; return how many could still be used."""
    _lock(session)
    usable = len(_names(session))
    session.execute(delete(ApiKeyRow))
    return usable


def record_use(ids: Collection[int]) -> Update:
    """Note that these keys are in use, unless that was noted within the last hour."""
    before = func.now() - LAST_USED_RESOLUTION
    is_old = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < before)
    return update(ApiKeyRow).where(ApiKeyRow.id.in_(ids), is_old).values(last_used_at=func.now())


def _names(session: Session) -> list[str]:
    return list(session.scalars(select(ApiKeyRow.name).where(USABLE)))


def _lock(session: Session) -> None:
    """Have who changes keys wait for each other, until the transaction ends; readers do not."""
    session.execute(text("lock table api_keys in share row exclusive mode"))
