"""The merge of what the places in a file say: for each field, the first that says something.

docs/library.md has the rules as a table.
"""

import math
import re
from collections.abc import Sequence

from soundalike.audio.tags.dates import year_of
from soundalike.audio.tags.fields import FileTags, clean
from soundalike.audio.tags.genres import genres_of, split
from soundalike.audio.tags.names import Source
from soundalike.audio.tags.rules import TagRules
from soundalike.audio.tags.texts import Texts, unique

JOINED = "; "
ARTIST_SEPARATORS = (";",)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
POSITION = re.compile(r"\s*(\d{1,6})\s*(?:(?:/|of)\s*(\d{1,6}))?")
DECIMAL = re.compile(r"[-+]?\d{1,6}(?:[.,]\d{1,12})?")
TRUE, FALSE = {"1", "true", "yes", "explicit"}, {"0", "false", "no", "clean"}
R128_UNIT = 256
R128_OFFSET = 5.0  # dB: Opus refers to -23 LUFS, ReplayGain to -18


def merge(sources: Sequence[Source], rules: TagRules, damage: str | None = None) -> FileTags:
    """Merge sources, the most trusted first."""
    texts = Texts(sources, rules)
    album_artists = texts.all("album_artists")
    artists = texts.all("artist") or album_artists or texts.all("performer")
    genres = _genres(texts, rules)
    track, track_total = _position(texts, "track")
    disc, disc_total = _position(texts, "disc")
    dates = {name: _date(texts, name) for name in ("date", "release_date", "original_date")}
    years = (year_of(date) for date in dates.values() if date)
    return FileTags(
        title=_joined(texts.all("title")),
        artist=_joined(artists),
        artists=tuple(texts.all("artists") or _separated(artists)),
        album=_joined(texts.all("album")),
        album_artists=tuple(_separated(album_artists)),
        composers=tuple(_separated(texts.all("composers"))),
        genre=_joined(genres),
        genres=tuple(genres),
        year=next((year for year in years if year), None),
        **dates,
        track=track,
        track_total=track_total,
        disc=disc,
        disc_total=disc_total,
        compilation=_flag(texts, "compilation"),
        musicbrainz_recording_id=_first(_ids(texts, "musicbrainz_recording_id")),
        musicbrainz_release_id=_first(_ids(texts, "musicbrainz_release_id")),
        musicbrainz_release_group_id=_first(_ids(texts, "musicbrainz_release_group_id")),
        musicbrainz_artist_ids=tuple(_ids(texts, "musicbrainz_artist_ids")),
        isrcs=tuple(_separated(texts.all("isrcs"))),
        labels=tuple(_separated(texts.all("labels"))),
        comment=_first(texts.all("comment")),
        bpm=_decimal(texts, "bpm") or None,
        initial_key=_first(texts.all("initial_key")),
        replaygain_track_gain=_gain(texts, "track"),
        replaygain_track_peak=_decimal(texts, "replaygain_track_peak"),
        replaygain_album_gain=_gain(texts, "album"),
        replaygain_album_peak=_decimal(texts, "replaygain_album_peak"),
        explicit=_flag(texts, "explicit"),
        has_lyrics=texts.has("has_lyrics"),
        has_cover=texts.has("has_cover"),
        raw=texts.raw,
        damage=damage,
    )


def _joined(values: Sequence[str]) -> str | None:
    return clean(JOINED.join(values)) or None


def _first(values: Sequence[str]) -> str | None:
    return values[0] if values else None


def _separated(names: Sequence[str]) -> list[str]:
    return unique(part for name in names for part in split(name, ARTIST_SEPARATORS))


def _genres(texts: Texts, rules: TagRules) -> list[str]:
    """Return the genres of the first source that names one: ID3v1 has a number for none."""
    named = (unique(genres_of(v, rules.genre_separators)) for v in texts.by_source("genre"))
    return next(filter(None, named), [])


def _date(texts: Texts, field: str) -> str | None:
    """Return the first date that holds a year, as it is written."""
    return next((date for date in texts.every(field) if year_of(date)), None)


def _position(texts: Texts, field: str) -> tuple[int | None, int | None]:
    """Return number and total of a track or disc: of `3/12`, or of two tags; 0 stands for none."""
    found = POSITION.match(_first(texts.all(field)) or "")
    total = POSITION.match(_first(texts.all(f"{field}_total")) or "")
    number = int(found[1]) if found else 0
    count = int((found and found[2]) or (total[1] if total else 0))
    return number or None, count or None


def _flag(texts: Texts, field: str) -> bool | None:
    word = (_first(texts.all(field)) or "").casefold()
    return True if word in TRUE else False if word in FALSE else None


def _ids(texts: Texts, field: str) -> list[str]:
    return unique(id_.lower() for text in texts.all(field) for id_ in UUID.findall(text))


def _decimal(texts: Texts, field: str) -> float | None:
    found = DECIMAL.match(_first(texts.all(field)) or "")
    value = float(found[0].replace(",", ".")) if found else math.nan
    return value if math.isfinite(value) else None


def _gain(texts: Texts, kind: str) -> float | None:
    """Return a gain in dB, of ReplayGain or as Opus has it."""
    gain = _decimal(texts, f"replaygain_{kind}_gain")
    r128 = _decimal(texts, f"r128_{kind}_gain")
    return gain if gain is not None or r128 is None else r128 / R128_UNIT + R128_OFFSET
