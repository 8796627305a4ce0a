"""Values of settings: how each is read from text, and what is refused.

Every function that reads one raises ValueError with what is allowed; pydantic reports it with the
variable.
"""

import datetime as dt
import os
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError

MAX_WINDOWS = 1000
MUSIC_EXTENSIONS = frozenset(
    (
        *("mp3", "mp2", "aac", "m4a", "m4b", "mp4", "alac", "flac", "ogg", "oga", "opus", "spx"),
        *("wma", "asf", "wav", "wave", "w64", "aif", "aiff", "aifc", "caf", "au", "snd", "mka"),
        *("ape", "wv", "mpc", "mp+", "tta", "tak", "shn", "dsf", "dff", "ac3", "dts", "webm"),
        *("weba", "m4r", "mpga", "mp1", "3ga", "f4a", "bwf", "rf64", "eac3", "ec3"),
    )
)
GENRE_SEPARATORS = (";", "/")
FORMER_KINDS = {"flat+rabitq": "flat+pq", "ivf": "flat+pq"}  # of indexes with codes, and now
NONE = "none"

CRON_FIELDS = 5
CRON = (
    "must be a cron expression of five fields (minute, hour, day, month, weekday), such as "
    "`*/15 * * * *` or `0 4 * * *`"
)
NOT_IN_DAGSTER = re.compile(r"LW|\dL", re.IGNORECASE)  # CronSim knows these, Dagster does not
RATE_LIMIT = re.compile(r"[1-9]\d{0,8}/(second|minute|hour|day)", re.ASCII)
MILVUS = re.compile(r"https?://[^\s/?#]+(/\w*)?|/\S+\.db", re.ASCII)
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#\s]*)?", re.ASCII)
OWNER = re.compile(r"team:.+|[\w.%+-]+@[\w.-]+\.[A-Za-z]{2,7}", re.ASCII)  # Dagster's rule
TAG_NAME = re.compile(r"([\w.-]{1,63}/)?[\w.-]{1,63}", re.ASCII)
TAG_TEXT = re.compile(r"[\w.-]{0,63}", re.ASCII)


def listed(value: object, separator: str = ",") -> list[str]:
    """Split a list that is written as one text; a list stays one. Raises ValueError."""
    parts = re.split(separator, value) if isinstance(value, str) else value
    if not isinstance(parts, Iterable) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a list of texts")
    return [part.strip() for part in parts if part.strip()]


def current_kind(value: object) -> object:
    """The kind of index that stands for one of a former release; any other value as it is."""
    return FORMER_KINDS.get(value, value) if isinstance(value, str) else value


def split_roots(value: object) -> list[str]:
    """Split a list of folders, separated as in PATH (`:`), and buckets (`s3://...`)."""
    return listed(value, rf"{os.pathsep}(?!//)")


def music_roots(value: object) -> list[str]:
    """Read the music roots; folders become absolute. Raises ValueError."""
    roots = split_roots(value)
    return [name if "://" in name else str(absolute(Path(name))) for name in roots]


def extensions(value: object) -> list[str]:
    """Split a list of extensions: `mp3, .FLAC` is mp3 and flac. Raises ValueError."""
    parts = value.split(",") if isinstance(value, str) else value
    names = [str(part) for part in parts] if isinstance(parts, Iterable) else []
    names = [name.strip().removeprefix(".").lower() for name in names]
    if not names or not all(re.fullmatch(r"[^\s./\\*?]+", name) for name in names):
        raise ValueError("must be extensions separated by commas, such as mp3,flac,ogg")
    return names


def tag_encoding(value: object) -> str:
    """Read the encoding of tags that state none: `auto`, or a codec's name. Raises ValueError."""
    name = str(value).strip().lower()
    try:
        if name != "auto":
            "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            "must be `auto`, or an encoding such as cp1251, koi8-r, big5 or shift_jis"
        ) from error
    return name


def genre_separators(value: object) -> tuple[str, ...]:
    """Split a list of separators at spaces: `; / |`; `none` is an empty one. Raises ValueError."""
    parts = listed(value, r"\s+")
    return () if parts == [NONE] else tuple(parts)


def windows(value: object) -> str | int:
    """Read how many windows of a track are embedded, a word or a number. Raises ValueError."""
    if value in ("balanced", "all"):
        return str(value)
    try:
        count = int(str(value))
    except ValueError:
        count = 0
    if not 1 <= count <= MAX_WINDOWS:
        raise ValueError(f"must be `balanced`, `all`, or a number from 1 to {MAX_WINDOWS}")
    return count


def cron(value: str) -> str:
    """Require a cron expression of five fields that comes true at some time. Raises ValueError."""
    if len(value.split()) != CRON_FIELDS or NOT_IN_DAGSTER.search(value):
        raise ValueError(CRON)
    try:
        next(CronSim(value, dt.datetime(2026, 1, 1)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{CRON}: {str(error) or 'it never comes true'}") from error
    return value


def timezone(value: str) -> str:
    """Require the IANA name of a time zone. Raises ValueError."""
    known = zoneinfo.available_timezones()
    if value not in known:
        raise ValueError(f"must be a time zone such as Europe/Berlin{did_you_mean(value, known)}")
    return value


def web_address(value: str) -> str:
    """Require an http or https URL with a host. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address that begins with https:// or http://")
    return value


def rate_limit(value: str) -> str:
    """Require a number of requests in a time, such as `600/minute`. Raises ValueError."""
    if not RATE_LIMIT.fullmatch(value):
        raise ValueError("must be a number of requests in a time, such as 10/second or 600/minute")
    return value


def owner(value: str) -> str:
    """Require an owner as Dagster takes it, an e-mail address or a team. Raises ValueError."""
    if not OWNER.fullmatch(value):
        raise ValueError(f"{value!r} must be an e-mail address, or a team such as team:music")
    return value


def asset_tags(value: object) -> dict[str, str]:
    """Read tags of the assets: `domain=music, tier=1`, or a table. Raises ValueError."""
    if isinstance(value, Mapping):
        pairs = [(str(name), "=", str(text)) for name, text in value.items()]
    else:
        pairs = [part.partition("=") for part in listed(value)]
    tags = {name.strip(): text.strip() for name, _, text in pairs}
    valid = all(TAG_NAME.fullmatch(name) and TAG_TEXT.fullmatch(tags[name]) for name in tags)
    if not valid or not all(equals for _, equals, _ in pairs):
        raise ValueError(
            "must be pairs such as domain=music,tier=1, of letters, digits, `_`, `.` and `-`"
        )
    return tags


def postgres_url(value: str) -> str:
    """Require a URL of PostgreSQL; SQLAlchemy reaches it by psycopg 3. Raises ValueError."""
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return f"postgresql+psycopg://{rest}"


def bucket_url(value: str) -> str:
    """Require the URL of a bucket, or of a prefix in one. Raises ValueError."""
    if not BUCKET.fullmatch(value):
        raise ValueError("must look like s3://bucket or s3://bucket/prefix")
    return value.rstrip("/")


def milvus_url(value: str) -> str:
    """Require the URL of a Milvus, or a path of milvus-lite. Raises ValueError."""
    if not MILVUS.fullmatch(value):
        raise ValueError(
            "must look like http://user:password@host:19530/database, or /path/name.db of a "
            "milvus-lite"
        )
    return value


def absolute(path: Path) -> Path:
    """Make a path absolute, with `~` replaced. Raises ValueError for an unknown `~user`."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # pydantic reports ValueErrors only
        raise ValueError(f"there is no home directory of {path.parts[0]}") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing if no known name is close."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
