"""Routes for listening: a track's audio in ranges, and the picture of its waveform."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from serving import limits
from serving.dependencies import StateDep, reading
from serving.errors import Problem, documented
from serving.schemas.requests import PathTrackId
from serving.search.tracks import known_track, require_possible_id
from soundalike.audio.peaks import peaks
from soundalike.catalog.audio_files import AudioFile, audio_files
from soundalike.errors import AudioError

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])
files = APIRouter(
    prefix="/v1/tracks", tags=["tracks"]
)  # whose answers take no turn of the searches

BINARY = {"type": "string", "format": "binary"}
ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
# The audio of an id never changes; only what the file says of it besides may.
CACHED = {"Cache-Control": "private, max-age=86400"}
SAME_ORIGIN = {"Cross-Origin-Resource-Policy": "same-origin"}
TYPES = {
    "aac": "audio/aac",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mka": "audio/x-matroska",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}
AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file.", "content": {"audio/*": {"schema": BINARY}}},
    206: {"description": "A range of it.", "content": {"audio/*": {"schema": BINARY}}},
}
PEAKS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": BINARY}}}
}
_measuring = CapacityLimiter(1)  # a long track takes a second, and the searches shall have the rest


class AudioResponse(FileResponse):
    """A file, or the one range of it that the request names; other `Range` headers do not count."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file without a header that the framework would answer on its own."""
        if not _range_of(Request(scope)):
            headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
            scope = {**scope, "headers": headers}
        if scope.get("is_head"):
            scope = {**scope, "method": "HEAD"}
        await super().__call__(scope, receive, send)


@files.get(
    "/{track_id}/audio",
    response_class=Response,
    responses={**AUDIO, **documented(404, 416, 503)},
)
async def get_audio(
    track_id: PathTrackId,
    form: Annotated[
        Literal["original", "flac"],
        Query(
            alias="as",
            description="The file as it is, or the canonical copy that was embedded, which every "
            "browser plays: FLAC, 44.1 kHz, mono.",
            examples=["flac"],
        ),
    ],
    request: Request,
    state: StateDep,
) -> Response:
    """Return a track's audio; with `Range`, a part of it, as players ask for it.

    The original is not there for a file in a bucket, or one that was changed or moved away since
    the last scan: the canonical copy is.
    """
    require_possible_id(track_id)
    async with reading(state) as session:  # nobody holds a connection while a file is sent
        await known_track(session, track_id)
        rows = (await session.execute(audio_files(track_id))).all() if form == "original" else []
    if form == "flac":
        return await _sent(request, state["store"].audio(track_id), "audio/flac")
    for file in (AudioFile(*row) for row in rows):
        if found := await to_thread.run_sync(file.local):
            return await _sent(request, found[0], media_type(file.extension))
    raise _no_audio("no file of it can be read here now, as it was scanned; ask for `as=flac`")


@router.get(
    "/{track_id}/peaks", response_class=Response, responses={**PEAKS, **documented(404, 503)}
)
async def get_peaks(
    track_id: PathTrackId,
    state: StateDep,
    n: Annotated[
        int,
        Query(ge=1, le=limits.MAX_PEAKS, description="Number of equal parts.", examples=[400]),
    ] = limits.DEFAULT_PEAKS,
) -> Response:
    """Return how loud each part of a track is: a byte a part, of which 255 is the loudest."""
    require_possible_id(track_id)
    async with reading(state) as session:
        await known_track(session, track_id)
    flac = state["store"].audio(track_id)
    try:
        found = await to_thread.run_sync(peaks, flac, n, limiter=_measuring)
    except AudioError as error:
        raise _no_audio(
            "its canonical copy cannot be read; `soundalike doctor` says why"
        ) from error
    return Response(found.tobytes(), media_type="application/octet-stream", headers=CACHED)


def media_type(extension: str) -> str:
    """Return the media type of a file's extension: always one of audio, whatever the file is."""
    known = re.fullmatch(r"[a-z0-9]{1,8}", extension)
    return TYPES.get(extension, f"audio/x-{extension}" if known else "audio/x-unknown")


async def _sent(request: Request, path: Path, kind: str) -> Response:
    """Send a file. Raises Problem: 404 if it is not there, 416 for a range beyond its end."""
    try:
        state = await to_thread.run_sync(path.stat)
    except OSError as error:
        raise _no_audio("its canonical copy is not there; `soundalike doctor` says why") from error
    span = _range_of(request)
    if span and not _is_within(span, state.st_size):
        detail = f"the range is not within the file, which has {state.st_size} bytes"
        headers = {"Content-Range": f"bytes */{state.st_size}"}
        raise Problem(416, "range-not-satisfiable", detail, headers)
    headers = {**CACHED, **SAME_ORIGIN}
    return AudioResponse(path, media_type=kind, headers=headers, stat_result=state)


def _range_of(request: Request) -> tuple[str, str] | None:
    """Return the two ends of the one range that is asked for, either of which may be empty.

    A header of another form does not count (RFC 9110, 14.2).
    """
    match = ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return None
    return match[1], match[2]


def _is_within(span: tuple[str, str], size: int) -> bool:
    first, last = span
    return int(first) < size if first else int(last) > 0 and size > 0


def _no_audio(reason: str) -> Problem:
    return Problem(404, "no-audio", f"the track cannot be played: {reason}")
