"""A connection to Milvus: http://[user:password@]host:port[/database], by pymilvus.

Or the folder of a milvus-lite, `/path/name.db`, which is Milvus inside of one process: for tests.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from soundalike.errors import MilvusError, SettingsError
from soundalike.settings import Settings

CONNECT_SECONDS = 5.0
ADVICE = (
    "Correct SOUNDALIKE_MILVUS_URL, or wait until it is back; SOUNDALIKE_SEARCH=local does "
    "without it."
)


class Milvus:
    """A Milvus. Threads may share it; nothing is asked before the first call."""

    def __init__(self, url: str) -> None:
        """Use this Milvus; `shown` is its URL without user and password."""
        self._url = url
        parts = urlsplit(url)
        self._has_host = parts.hostname is not None
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme else url
        self._client: Any = None
        self._connecting = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the Milvus that is searched; None where indexes are searched by ourselves."""
        if settings.search != "milvus" or settings.milvus_url is None:
            return None
        return cls(settings.milvus_url.get_secret_value())

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Iterator[Self | None]:
        """Yield what `of` returns, and close its connection at the end."""
        milvus = cls.of(settings)
        try:
            yield milvus
        finally:
            if milvus:
                milvus.close()

    @contextmanager
    def answering(self) -> Iterator[Any]:
        """Yield pymilvus' client. What it raises becomes MilvusError, which names the server."""
        try:
            yield self._connected()
        except (SettingsError, MilvusError):
            raise
        except Exception as error:  # of pymilvus, or of gRPC below it
            self._client = None  # the next call connects again
            reason = str(getattr(error, "message", "") or error).partition("\n")[0]
            raise MilvusError(f"Milvus at {self.shown} failed: {reason}\n{ADVICE}") from error

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:  # noqa: ANN401 - an optional package
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:  # noqa: ANN401 - an optional package
        try:
            import pymilvus  # noqa: PLC0415 - an optional package
        except ImportError as error:
            raise SettingsError(
                "SOUNDALIKE_SEARCH=milvus needs another package: pip install 'soundalike[milvus]'"
            ) from error
        # It logs each error that it raises, with a traceback.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        if not self._has_host:
            return pymilvus.MilvusClient(uri=self._url)
        parts = urlsplit(self._url)
        return pymilvus.MilvusClient(
            uri=self.shown,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            db_name=parts.path.strip("/"),
            timeout=CONNECT_SECONDS,
        )
