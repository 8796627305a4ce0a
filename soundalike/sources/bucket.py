"""A music root that is a bucket, or a prefix in one: s3://bucket/music, through fsspec.

Credentials, region and endpoint are those that AWS's own tools use (AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...).
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from soundalike.errors import AudioError, LibraryError
from soundalike.sources.bucket_listing import BucketListing
from soundalike.sources.walk import Item
from soundalike.storage.disk_space import MIN_FREE_BYTES

CHUNK = 2**20
PAGE = 1000  # objects that are listed at a time, the most that S3 gives
SCHEMES = ("s3://",)


class BucketTree:
    """A bucket as folders. It is listed once, and the listing is kept in a temporary file."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = url.partition("://")[2].rstrip("/") + "/"

    def items(self, folder: bytes) -> Sequence[Item]:
        """The folder's items when the bucket was listed. Raises OSError if it does not answer."""
        return self._listing.items(folder)

    def read(self, path: bytes) -> bytes:
        """The object's bytes. Raises OSError if it cannot be read."""
        with _as_oserror():
            content: bytes = self._files.cat_file(self._prefix + path.decode())
            return content

    @contextmanager
    def local_copy(self, path: bytes, scratch: Path) -> Iterator[Path]:
        """A copy of the object in `scratch`, with its extension, for as long as the block lasts.

        Raises AudioError("vanished") or ("unreadable") if it cannot be read, and ("no_room") if the
        scratch folder has too little free space; an OSError is of the scratch folder.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        name = path.decode()
        self._require_free_space(name, scratch)
        with tempfile.NamedTemporaryFile(dir=scratch, suffix=PurePosixPath(name).suffix) as copy:
            for chunk in self._chunks(name):
                copy.write(chunk)
            copy.flush()
            yield Path(copy.name)

    def _require_free_space(self, name: str, scratch: Path) -> None:
        with suppress(OSError):  # an error of the object is reported when it is read
            with _as_oserror():
                size = self._files.info(self._prefix + name)["size"]
            if size + MIN_FREE_BYTES > shutil.disk_usage(scratch).free:
                raise AudioError(
                    "no_room", f"{size / 2**30:.1f} GiB, more than the data root has free"
                )

    def _chunks(self, name: str) -> Iterator[bytes]:
        try:
            with _as_oserror(), self._files.open(self._prefix + name) as remote:
                while chunk := remote.read(CHUNK):
                    yield chunk
        except FileNotFoundError as error:
            raise AudioError("vanished", "the object is no longer in the bucket") from error
        except OSError as error:
            raise AudioError(
                "unreadable", f"reading it from the bucket failed ({error})"
            ) from error

    @cached_property
    def _files(self) -> Any:  # noqa: ANN401 - fsspec's own type is untyped
        try:
            import s3fs  # noqa: PLC0415 - an optional package
        except ImportError as error:
            raise LibraryError(
                f"{self._url} needs another package: pip install 'soundalike[s3]'"
            ) from error
        with _as_oserror():
            return s3fs.S3FileSystem(use_listings_cache=False)

    @cached_property
    def _listing(self) -> BucketListing:
        bucket, _, prefix = self._prefix.partition("/")
        listing, page = BucketListing(), {"Bucket": bucket, "Prefix": prefix}
        with _as_oserror():
            self._require_bucket()
            while True:
                found = self._files.call_s3("list_objects_v2", **page, MaxKeys=PAGE)
                listing.add(
                    (each["Key"].removeprefix(prefix).encode(), each["Size"], each["LastModified"])
                    for each in found.get("Contents", ())
                )
                if not found.get("IsTruncated"):
                    return listing
                page["ContinuationToken"] = found["NextContinuationToken"]

    def _require_bucket(self) -> None:
        """Raise OSError if the bucket is missing or silent, in words."""
        try:
            self._files.call_s3("head_bucket", Bucket=self._prefix.partition("/")[0])
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno, "there is no such bucket") from error


@contextmanager
def _as_oserror() -> Iterator[None]:
    """Turn botocore's errors into OSError: it has its own for no network and no credentials."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        with suppress(ImportError):
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - optional

            if isinstance(error, BotoCoreError | ClientError):
                raise OSError(5, f"the bucket does not answer: {error}") from error
        raise
