"""The names that each field has in the formats.

Names are compared as letters and digits only, without what marks them as free-form: so the ID3
frame `TXXX:MusicBrainz Album Id`, MP4's `----:com.apple.iTunes:MusicBrainz Album Id`, ASF's
`MusicBrainz/Album Id` and the Vorbis comment `MUSICBRAINZ_ALBUMID` are one name.
"""

import re
from collections.abc import Mapping, Sequence

# Text, or the bytes of text whose encoding the file does not state.
Value = str | bytes
# What one place in a file says: values by plain name.
Source = Mapping[str, Sequence[Value]]

PREFIX = re.compile(r"^(txxx:|----:[^:]*:|wm/)", re.IGNORECASE)

# By field: the names in Vorbis comments, APEv2, Matroska and RIFF as FFmpeg spells them, ID3, MP4
# and ASF. The first name that a source has wins within it.
NAMES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "tit2", "nam", "tracktitle"),
    "artist": ("artist", "tpe1", "art", "author", "trackartist"),
    "artists": ("artists",),
    "performer": ("performer", "performers", "leadperformer"),
    "album": ("album", "talb", "alb", "albumtitle"),
    "album_artists": ("albumartist", "tpe2", "aart", "ensemble"),
    "composers": ("composer", "tcom", "wrt"),
    "genre": ("genre", "tcon", "gen"),
    "date": ("date", "tdrc", "tyer", "day", "year", "recordeddate", "recordingdate"),
    "release_date": ("releasedate", "tdrl", "datereleased", "releaseyear", "releasetime"),
    "original_date": (
        *("originaldate", "tdor", "originalyear", "tory", "originalreleaseyear"),
        *("originalreleasedate", "originalreleasetime", "origyear", "origdate"),
    ),
    "track": ("tracknumber", "trck", "track", "trkn", "partnumber", "itrk"),
    "track_total": ("tracktotal", "totaltracks", "trackc", "totalparts"),
    "disc": ("discnumber", "tpos", "disc", "disk", "partofset"),
    "disc_total": ("disctotal", "totaldiscs", "discc"),
    "compilation": ("compilation", "tcmp", "cpil", "iscompilation"),
    "musicbrainz_recording_id": ("musicbrainztrackid", "musicbrainzrecordingid"),
    "musicbrainz_release_id": ("musicbrainzalbumid", "musicbrainzreleaseid"),
    "musicbrainz_release_group_id": ("musicbrainzreleasegroupid",),
    "musicbrainz_artist_ids": ("musicbrainzartistid",),
    "isrcs": ("isrc", "tsrc"),
    "labels": ("label", "tpub", "publisher", "organization", "pub"),
    "comment": ("comment", "comm", "cmt", "description", "comments"),
    "bpm": ("bpm", "tbpm", "tmpo", "tempo", "beatsperminute"),
    "initial_key": ("initialkey", "tkey", "key", "keysignature"),
    "replaygain_track_gain": ("replaygaintrackgain",),
    "replaygain_track_peak": ("replaygaintrackpeak",),
    "replaygain_album_gain": ("replaygainalbumgain",),
    "replaygain_album_peak": ("replaygainalbumpeak",),
    "r128_track_gain": ("r128trackgain",),
    "r128_album_gain": ("r128albumgain",),
    "explicit": ("itunesadvisory", "rtng", "explicit"),
    "has_lyrics": (
        *("lyrics", "unsyncedlyrics", "syncedlyrics", "uslt", "sylt", "lyr", "lyricssynchronised"),
    ),
    "has_cover": (
        *("apic", "covr", "metadatablockpicture", "coverart", "coverartfront", "coverartback"),
        "picture",
    ),
}


def plain(name: str) -> str:
    """Return a tag's name as it is compared: `nam` of `©nam`, `albumtitle` of `WM/AlbumTitle`."""
    return "".join(filter(str.isalnum, PREFIX.sub("", name).casefold()))


def values_of(source: Source, field: str) -> Sequence[Value]:
    """Return what the source says of a field; none if it has no such tag, or an empty one."""
    for name in NAMES[field]:
        if values := [value for value in source.get(name, ()) if value.strip()]:
            return values
    return ()


def as_utf8(data: bytes) -> Value:
    """Return the text that the bytes should be, or the bytes if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
