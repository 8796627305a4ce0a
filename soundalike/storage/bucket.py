"""A bucket that holds artifacts, or a prefix in one: s3://bucket/prefix, through obstore.

Credentials, region and endpoint are those that AWS's own tools use (AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...), as for music in buckets. An object appears whole or not
at all; keys are the paths of artifacts below a data root.
"""

import datetime as dt
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from soundalike.errors import BucketError, MissingObject, SettingsError

BLOCK_BYTES = 8 * 2**20  # read in one request, so that each is short, whatever an object's size
TIMEOUTS = {"connect_timeout": "5s", "timeout": "60s"}
RETRIES = 2
RETRY_SECONDS = 15
CREDENTIALS_MINUTES = 15  # then botocore is asked again, which renews what expires
ADVICE = (
    "Correct SOUNDALIKE_ARTIFACTS, the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...) or the "
    "endpoint (AWS_ENDPOINT_URL), or wait until it is back."
)


@dataclass(frozen=True)
class StoredObject:
    """An object of a listing: its key, its bytes and the time it was put (UTC)."""

    key: str
    size: int
    put_at: dt.datetime


class Bucket:
    """The objects below a URL. Threads may share it; nothing is asked before the first call.

    All methods raise BucketError if the bucket does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        """Use this bucket: s3://bucket, or s3://bucket/prefix."""
        self.url = url

    def put(self, key: str, file: Path) -> None:
        """Store a file of any size under a key, instead of what is there."""
        with self._told("written"):
            self._api.put(self._store, key, file)

    def put_new(self, key: str, content: bytes) -> bool:
        """Store these bytes, unless there is an object of this key; return whether they were."""
        with self._told("written"):
            try:
                self._api.put(self._store, key, content, mode="create")
            except self._api.exceptions.AlreadyExistsError:
                return False
            return True

    def put_bytes(self, key: str, content: bytes) -> None:
        """Store these bytes instead of what is there."""
        with self._told("written"):
            self._api.put(self._store, key, content)

    def exists(self, key: str) -> bool:
        """Return whether there is an object of this key."""
        try:
            self.size(key)
        except MissingObject:
            return False
        return True

    def size(self, key: str) -> int:
        """Return an object's bytes. Raises MissingObject."""
        with self._told("read"):
            return int(self._api.head(self._store, key)["size"])

    def read(self, key: str) -> bytes:
        """Return the content of a small object. Raises MissingObject."""
        with self._told("read"):
            return bytes(self._api.get(self._store, key).bytes())

    def blocks(self, key: str) -> Iterator[bytes]:
        """Yield an object's content, a request a block. Raises MissingObject."""
        size = self.size(key)
        for start in range(0, size, BLOCK_BYTES):
            length = min(BLOCK_BYTES, size - start)
            with self._told("read"):
                yield bytes(self._api.get_range(self._store, key, start=start, length=length))

    def listed(self, prefix: str = "") -> list[StoredObject]:
        """Return all objects whose keys begin with a folder's name, such as `segments/`."""
        with self._told("listed"):
            return [
                StoredObject(found["path"], found["size"], found["last_modified"])
                for chunk in self._api.list(self._store, prefix or None)
                for found in chunk
            ]

    def remove(self, keys: Collection[str]) -> None:
        """Remove objects; those that are not there count as removed."""
        with self._told("written"):
            if keys:
                self._api.delete(self._store, list(keys))

    @cached_property
    def _api(self) -> Any:  # noqa: ANN401 - an optional package
        try:
            import botocore.session  # noqa: F401, PLC0415 - an optional package
            import obstore  # noqa: PLC0415 - an optional package
        except ImportError as error:
            raise SettingsError(
                f"SOUNDALIKE_ARTIFACTS={self.url} needs another package: "
                "pip install 'soundalike[s3]'"
            ) from error
        return obstore

    @cached_property
    def _store(self) -> Any:  # noqa: ANN401 - an optional package
        import botocore.session  # noqa: PLC0415 - an optional package

        session = botocore.session.get_session()
        profile = session.get_scoped_config() if session.full_config["profiles"] else {}
        named = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        endpoint = next(filter(None, map(os.environ.get, named)), profile.get("endpoint_url"))
        bucket, _, prefix = self.url.partition("://")[2].strip("/").partition("/")
        return self._api.store.S3Store(
            bucket,
            prefix=prefix or None,
            endpoint=endpoint,
            region=session.get_config_variable("region") or "us-east-1",
            credential_provider=_Credentials(session),
            client_options={**TIMEOUTS, "allow_http": True},
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": dt.timedelta(seconds=RETRY_SECONDS),
            },
        )

    @contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """Raise what obstore and botocore raise as errors that name the bucket."""
        problem = f"the bucket {self.url} cannot be {verb}"
        try:
            yield
        except SettingsError:
            raise
        except FileNotFoundError as error:
            raise MissingObject(f"{problem}: {_first_line(error)}\n{ADVICE}") from error
        except Exception as error:  # of obstore, of botocore, or of the credentials
            raise BucketError(f"{problem}: {_first_line(error)}\n{ADVICE}") from error


class _Credentials:
    """The credentials that botocore finds, renewed by it, for obstore to ask."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - botocore is untyped
        self._session = session

    def __call__(self) -> dict[str, Any]:
        found = self._session.get_credentials()
        if found is None:
            raise ValueError("no credentials were found")
        frozen = found.get_frozen_credentials()
        until = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=CREDENTIALS_MINUTES)
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": until,
        }


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(": <?xml")[0]
