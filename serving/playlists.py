"""Playlists: the tracks of any list as M3U8 or JSPF, with paths that the client can use.

The client names its own place of the music (`base`); it is put before paths, and never opened.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

from serving.accepted import preferred
from serving.schemas.requests import PlaylistParameters
from soundalike.catalog.file_views import FileView
from soundalike.catalog.tracks import TrackView
from soundalike.display_text import printable

M3U8, JSPF = "audio/x-mpegurl", "application/jspf+json"
TYPES = {"json": "application/json", "m3u8": M3U8, "jspf": JSPF}
# What a list's route may answer beside its JSON, for OpenAPI.
PLAYLISTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {M3U8: {"schema": {"type": "string"}}, JSPF: {"schema": {"type": "object"}}}}
}


def playlist_form(request: Request, parameters: PlaylistParameters) -> str | None:
    """Return the kind of playlist that the client asks for; None for JSON."""
    form = parameters.format or preferred(request, TYPES)
    return None if form == "json" else form


def playlist(
    kind: str,
    parameters: PlaylistParameters,
    title: str,
    tracks: Iterable[TrackView],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write the tracks that have a file as a playlist of this kind, `m3u8` or `jspf`."""
    base = parameters.base
    if kind == "m3u8":
        text = "".join(f"{line}\n" for line in _m3u8(title, base, tracks))
        return Response(text, media_type=f"{M3U8}; charset=utf-8", headers=headers)
    entries = [_jspf_track(track, track.file, base) for track in tracks if track.file]
    document = {"playlist": {"title": title, "track": entries}}
    return Response(json.dumps(document, ensure_ascii=False), media_type=JSPF, headers=headers)


def _m3u8(title: str, base: str, tracks: Iterable[TrackView]) -> Iterator[str]:
    yield "#EXTM3U"
    yield f"#PLAYLIST:{_line(title)}"
    for track in tracks:
        if track.file is None:
            continue
        place = _url(track.file, base) if "://" in base else _path(track.file, base)
        if place is None:
            yield f"# {_line(track.name)} is left out: M3U8 cannot hold its path; use a URL as base"
            continue
        seconds = -1 if track.duration is None else round(track.duration)
        yield f"#EXTINF:{seconds},{_line(track.name)}"
        yield place


def _jspf_track(track: TrackView, file: FileView, base: str) -> dict[str, Any]:
    described = {
        "title": track.title,
        "creator": track.artist,
        "album": track.album,
        "duration": None if track.duration is None else round(1000 * track.duration),
    }
    return {
        "location": [_url(file, base)],
        "identifier": [f"urn:soundalike:track:{track.id}"],
        **{name: value for name, value in described.items() if value is not None},
    }


def _path(file: FileView, base: str) -> str | None:
    """Return the file's path on the client; None if a line of text cannot hold it."""
    try:
        path = file.exact.decode()
    except UnicodeDecodeError:
        return None
    if printable(path) != path:
        return None
    is_windows = "\\" in base and "/" not in base
    if is_windows:
        path = path.replace("/", "\\")
    place = _joined(base.replace("{root}", file.root), path, "\\" if is_windows else "/")
    return f"./{place}" if place.startswith("#") else place


def _url(file: FileView, base: str) -> str:
    """Return the file's place as a URL, which is relative if the base is."""
    root, path = quote(file.root), quote(file.exact)
    if "://" in base:
        return _joined(base.replace("{root}", root), path, "/")
    place = _joined(quote(base.replace("\\", "/")).replace("%7Broot%7D", root), path, "/")
    if place.startswith("/"):
        return f"file://{place}"
    has_drive = base[1:2] == ":"
    return f"file:///{place.replace('%3A', ':', 1)}" if has_drive else place


def _joined(base: str, path: str, separator: str) -> str:
    if not base:
        return path
    return base.rstrip(separator) + separator + path


def _line(text: str) -> str:
    return " ".join(printable(part) for part in text.split())
