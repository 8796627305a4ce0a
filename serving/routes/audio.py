"""Routes for listening: a track's audio in ranges, and the picture of its waveform."""

import re
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response

from serving import limits
from serving.dependencies import StateDep, reading
from serving.errors import Problem, documented
from serving.file_answer import file_answer
from serving.schemas.requests import PathTrackId
from serving.search.tracks import known_track, require_possible_id
from serving.state import State
from soundalike.audio.peaks import peaks
from soundalike.catalog.audio_files import AudioFile, audio_files
from soundalike.errors import AudioError
from soundalike.storage.private_copy import ChangedFile, open_regular

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])
# Its answers take no turn of the searches: they last as long as they are listened to.
files = APIRouter(prefix="/v1/tracks", tags=["tracks"])

BINARY = {"type": "string", "format": "binary"}
# The audio of an id never changes; only what the file says of it besides may.
CACHED = {"Cache-Control": "private, max-age=86400"}
HEADERS = {**CACHED, "Cross-Origin-Resource-Policy": "same-origin"}
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
        try:
            copy = await to_thread.run_sync(open_regular, state["store"].audio(track_id))
        except (OSError, ChangedFile) as error:
            raise _no_audio(_no_copy(state)) from error
        return file_answer(request, copy, "audio/flac", HEADERS)
    for file in (AudioFile(*row) for row in rows):
        if opened := await to_thread.run_sync(file.opened):
            return file_answer(request, opened, media_type(file.extension), HEADERS)
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
        raise _no_audio(_no_copy(state)) from error
    return Response(found.tobytes(), media_type="application/octet-stream", headers=CACHED)


def media_type(extension: str) -> str:
    """Return the media type of a file's extension: always one of audio, whatever the file is."""
    known = re.fullmatch(r"[a-z0-9]{1,8}", extension)
    return TYPES.get(extension, f"audio/x-{extension}" if known else "audio/x-unknown")


def _no_copy(state: State) -> str:
    if state["store"].has_all_audio:
        return "its canonical copy cannot be read; `soundalike doctor` says why"
    return "its canonical copy is not on this machine (SOUNDALIKE_KEEP_AUDIO)"


def _no_audio(reason: str) -> Problem:
    return Problem(404, "no-audio", f"the track cannot be played: {reason}")
