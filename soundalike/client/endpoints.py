"""The API's operations, each by its operationId: a function that makes its call.

A new one is such a function, its answer in `answers` and its line in `operations`; then
tests/client/test_schema.py names what is still missing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

from soundalike.client import answers
from soundalike.client.call import Call
from soundalike.client.parameters import (
    FilterOptions,
    PageOptions,
    SearchOptions,
    SimilarOptions,
    TrackListOptions,
    UploadOptions,
)


def check_liveness() -> Call[answers.Alive]:
    """Return that the process is alive."""
    return Call(answers.Alive, "GET", "/health/live")


def check_readiness() -> Call[answers.Ready]:
    """Return that queries can be served; raises Unavailable with the reason if not."""
    return Call(answers.Ready, "GET", "/health/ready")


def get_metrics() -> Call[str]:
    """Return the metrics in Prometheus's text format."""
    return Call(str, "GET", "/metrics")


def get_index() -> Call[answers.Index]:
    """Return the index version that results come from."""
    return Call(answers.Index, "GET", "/v1/index")


def list_failures(**page: Unpack[PageOptions]) -> Call[answers.FailurePage]:
    """Return a page of files that failed."""
    return Call(answers.FailurePage, "GET", "/v1/failures", page)


def list_tracks(**wanted: Unpack[TrackListOptions]) -> Call[answers.TrackPage]:
    """Return a page of tracks, by words (`q`), filters, or all."""
    return Call(answers.TrackPage, "GET", "/v1/tracks", wanted)


def get_track(track_id: str) -> Call[answers.TrackDetails]:
    """Return a track, with all that its file's metadata says."""
    return Call(answers.TrackDetails, "GET", f"/v1/tracks/{_segment(track_id)}")


def find_similar_tracks(
    track_id: str, **wanted: Unpack[SimilarOptions]
) -> Call[answers.SimilarTracks]:
    """Return a page of the tracks that are most similar to one."""
    return Call(answers.SimilarTracks, "GET", f"/v1/tracks/{_segment(track_id)}/similar", wanted)


def search_tracks_by_examples(
    **wanted: Unpack[SearchOptions],
) -> Call[answers.SearchResults]:
    """Return a page of tracks like the positive examples and unlike the negative ones."""
    return Call(answers.SearchResults, "POST", "/v1/search", body=_with_filter(wanted))


def search_tracks_by_audio(
    file: Path | bytes, **wanted: Unpack[UploadOptions]
) -> Call[answers.UploadResults]:
    """Return the tracks that are most similar to a file, which is read whole, or to its bytes."""
    content = file.read_bytes() if isinstance(file, Path) else file
    return Call(answers.UploadResults, "POST", "/v1/search/audio", wanted, content=content)


def find_journey(
    from_: str, to: str, *, steps: int | None = None, per_artist: int | None = None
) -> Call[answers.Journey]:
    """Return the tracks on the way from one track to another."""
    query = {"from": from_, "to": to, "steps": steps, "per_artist": per_artist}
    return Call(answers.Journey, "GET", "/v1/journeys", query)


def _segment(text: str) -> str:
    return quote(text, safe="")


def _with_filter(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Move the conditions on tracks to where a body has them."""
    names = FilterOptions.__annotations__.keys()
    conditions = {name: wanted[name] for name in wanted if name in names}
    others = {name: wanted[name] for name in wanted if name not in names}
    return {**others, "filter": conditions}
