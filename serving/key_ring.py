"""The keys that open the API: the settings' own, and the catalog's as they were read last.

Reading them every few seconds is what makes a revocation count in every worker; a notification
could get lost, and a key that was made a moment ago is looked for at once. While the catalog cannot
be read, the keys that are known go on working.
"""

import asyncio
import datetime as dt
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from serving.database import writing_session
from serving.limits import KEY_POLL_SECONDS, KEY_READ_SECONDS
from soundalike.catalog.api_keys import (
    LAST_USED_RESOLUTION,
    Scope,
    every_key,
    hash_of,
    record_use,
)
from soundalike.catalog.tables import ApiKeyRow
from soundalike.errors import in_one_line

log = structlog.get_logger()


@dataclass(frozen=True)
class Caller:
    """The sender of a request: name and scope of the key, and its id if it is in the catalog."""

    name: str
    scope: Scope
    key_id: int | None = None

    def may(self, scope: str) -> bool:
        """Return whether the key has that scope; `admin` includes `read`."""
        return scope in ("read", self.scope)

    @property
    def reference(self) -> str:
        """A name of the key for `KeyRing.known`, which tells nothing of the key itself."""
        return "settings" if self.key_id is None else str(self.key_id)


OWNER = Caller("owner", "admin")  # whoever reaches a server of this machine that has no keys
SETTINGS_KEY = Caller("SOUNDALIKE_API_KEY", "admin")


class KeyRing:
    """The keys of a worker."""

    def __init__(self, settings_key: str | None) -> None:
        """Know the key of the settings, which the catalog does not have."""
        self.problem: Exception | None = None  # why the catalog could not be read last
        self._settings_key = hash_of(settings_key.encode()) if settings_key else None
        self._rows: dict[str, ApiKeyRow] = {}
        self._any_made: bool | None = None
        self._used: set[int] = set()
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._engine: AsyncEngine | None = None

    @property
    def is_needed(self) -> bool | None:
        """True if requests need a key, False if not, None while the catalog was never read.

        Once a key was made they do, even when the last one is revoked: that must not open what
        stands behind a proxy.
        """
        return True if self._settings_key else self._any_made

    def find(self, keys: Iterable[bytes]) -> Caller | None:
        """Return whose key is among these, if it is known.

        Keys are compared by their hashes: the time that takes says nothing of how a key begins.
        """
        for sha256 in map(hash_of, keys):
            if self._settings_key and secrets.compare_digest(sha256, self._settings_key):
                return SETTINGS_KEY
            if row := self._rows.get(sha256):
                self._used.add(row.id)
                return _caller(row)
        return None

    def known(self, reference: str) -> tuple[Caller, str] | None:
        """Return whose key has that reference, and its hash; None if it is revoked or unknown."""
        if reference == SETTINGS_KEY.reference:
            return (SETTINGS_KEY, self._settings_key) if self._settings_key else None
        row = next((row for row in self._rows.values() if str(row.id) == reference), None)
        if row is None:
            return None
        self._used.add(row.id)
        return _caller(row), row.sha256

    @asynccontextmanager
    async def following(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Read the catalog's keys, if it can be read; then again every few seconds."""
        self._engine = engine
        await self.refresh()
        task = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def refresh(self, older_than: float = 0.0) -> None:
        """Read the catalog's keys now. If that fails nothing changes, and `problem` is set.

        Callers share a reading that begins after their call, so that many wrong keys cost few; or
        one that is not older than so many seconds.
        """
        called = time.monotonic() - older_than
        async with self._reading:
            if self._read_at < called:
                self._read_at = time.monotonic()
                await self._read()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(KEY_READ_SECONDS), AsyncSession(self._engine) as session:
                rows = (await session.scalars(every_key())).all()
        except Exception as error:  # following must never end
            if self.problem is None:
                log.warning("api_keys.read_failed", reason=in_one_line(error))
            self.problem = error
        else:
            self.problem = None
            self._any_made = bool(rows)
            self._rows = {row.sha256: row for row in rows if row.revoked_at is None}

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(KEY_POLL_SECONDS)
            await self.refresh()
            if self.problem is None:
                await self._record_use()

    async def _record_use(self) -> None:
        """Note which keys were used, as coarsely as the catalog does, so that few writes do it."""
        used, self._used = self._used, set()
        before = dt.datetime.now(dt.UTC) - LAST_USED_RESOLUTION
        due = [
            row.id
            for row in self._rows.values()
            if row.id in used and (row.last_used_at is None or row.last_used_at < before)
        ]
        if not due or self._engine is None:
            return
        try:
            async with writing_session(self._engine) as session:
                await session.execute(record_use(due))
        except Exception as error:  # following must never end
            log.warning("api_keys.use_not_recorded", reason=in_one_line(error))


def _caller(row: ApiKeyRow) -> Caller:
    return Caller(row.name, "admin" if row.scope == "admin" else "read", row.id)
