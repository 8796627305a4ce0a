"""The fields of a file's tags, and their bounds. Knows nothing of formats."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# The number of the newest reader: files whose tags an older one read are read again.
TAGS_VERSION = 1
READ_AS_A_WHOLE = -1  # instead of a version: not only the tags are read again
MAX_TAG_LENGTH = 500  # characters kept of one value
MAX_VALUES = 20  # kept of one field
MIN_YEAR, MAX_YEAR = 1000, 2099
# The fields that the catalog has columns for; all others are a track's `file_tags`.
COLUMNS = ("title", "artist", "artists", "album", "genre", "genres", "year")


@dataclass(frozen=True)
class FileTags:
    """A file's tags; None, or empty, where it has none.

    `artist` and `genre` are for display: several values are joined with `; `. `artists` and
    `genres` are single values. Dates are texts as written, and `year` is that of the first date
    with one. Gains are in dB. `raw`: texts whose encoding was repaired, by field, as the file has
    them, each byte a character. `damage`: why its tags could not be read, for the log.
    """

    title: str | None = None
    artist: str | None = None
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artists: tuple[str, ...] = ()
    composers: tuple[str, ...] = ()
    genre: str | None = None
    genres: tuple[str, ...] = ()
    year: int | None = None
    date: str | None = None
    release_date: str | None = None
    original_date: str | None = None
    track: int | None = None
    track_total: int | None = None
    disc: int | None = None
    disc_total: int | None = None
    compilation: bool | None = None
    musicbrainz_recording_id: str | None = None
    musicbrainz_release_id: str | None = None
    musicbrainz_release_group_id: str | None = None
    musicbrainz_artist_ids: tuple[str, ...] = ()
    isrcs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    comment: str | None = None
    bpm: float | None = None
    initial_key: str | None = None
    replaygain_track_gain: float | None = None
    replaygain_track_peak: float | None = None
    replaygain_album_gain: float | None = None
    replaygain_album_peak: float | None = None
    explicit: bool | None = None
    has_lyrics: bool = False
    has_cover: bool = False
    raw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    damage: str | None = field(default=None, compare=False)

    @property
    def details(self) -> dict[str, Any]:
        """The fields without a column in the catalog that the file has, for JSON."""
        kept = {name: value for name, value in asdict(self).items() if name not in COLUMNS}
        del kept["damage"]
        return {name: value for name, value in kept.items() if value not in (None, (), {}, False)}


def clean(text: str) -> str:
    """Return text that PostgreSQL and a terminal can hold.

    Control characters and lone surrogates are replaced, white space of any kind at both ends is
    dropped; it is cut to MAX_TAG_LENGTH characters.
    """
    legal = text.encode("utf-8", "replace").decode()
    spaced = re.sub(r"[\x00-\x1f\x7f]+", " ", legal)
    return spaced.strip().strip("\ufeff").strip()[:MAX_TAG_LENGTH].rstrip()
