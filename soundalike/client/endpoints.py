"""The API's operations, each by its operationId: a function that makes its call.

A new one is such a function, its answer in `answers` and its line in `operations`; then
tests/client/test_schema.py names what is still missing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

from soundalike.client import answers
from soundalike.client.call import Call
from soundalike.client.parameters import (
    FacetOptions,
    FailureListOptions,
    FailureOptions,
    FilterOptions,
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


def publish_version(version: str | None = None) -> Call[answers.Publication]:
    """Publish a version, which then stays (a rollback); or the newest, if none is named."""
    return Call(answers.Publication, "POST", "/v1/index/publications", body={"version": version})


def get_pipeline() -> Call[answers.Pipeline]:
    """Return the state of ingestion."""
    return Call(answers.Pipeline, "GET", "/v1/pipeline")


def list_failures(**wanted: Unpack[FailureListOptions]) -> Call[answers.FailurePage]:
    """Return a page of files that failed."""
    return Call(answers.FailurePage, "GET", "/v1/failures", wanted)


def retry_failures(
    *, everything: bool = False, **chosen: Unpack[FailureOptions]
) -> Call[answers.Retry]:
    """Have failures that may pass by themselves retried now; or `everything`."""
    body = {"everything": everything, **chosen}
    return Call(answers.Retry, "POST", "/v1/failures/retry", body=body)


def list_roots() -> Call[answers.RootList]:
    """Return the folders and buckets of music."""
    return Call(answers.RootList, "GET", "/v1/roots")


def list_facet_values(facet: str, **wanted: Unpack[FacetOptions]) -> Call[answers.FacetPage]:
    """Return a page of the values that tracks have: `artists`, `genres`, `folders`, ..."""
    return Call(answers.FacetPage, "GET", f"/v1/facets/{_segment(facet)}", wanted)


def get_stats() -> Call[answers.Stats]:
    """Return numbers of the collection."""
    return Call(answers.Stats, "GET", "/v1/stats")


def list_tracks(**wanted: Unpack[TrackListOptions]) -> Call[answers.TrackPage]:
    """Return a page of tracks, by words (`q`), filters, or all."""
    return Call(answers.TrackPage, "GET", "/v1/tracks", wanted)


def get_track(track_id: str) -> Call[answers.TrackDetails]:
    """Return a track, with all that its file's metadata says."""
    return Call(answers.TrackDetails, "GET", f"/v1/tracks/{_segment(track_id)}")


def get_embedding(track_id: str) -> Call[answers.TrackEmbedding]:
    """Return a track's vector in the served index."""
    return Call(answers.TrackEmbedding, "GET", f"/v1/tracks/{_segment(track_id)}/embedding")


def get_lineage(track_id: str) -> Call[answers.Lineage]:
    """Return where a track and its vectors come from."""
    return Call(answers.Lineage, "GET", f"/v1/tracks/{_segment(track_id)}/lineage")


def get_map() -> Call[answers.Map]:
    """Return what is on the map of the collection."""
    return Call(answers.Map, "GET", "/v1/map")


def get_map_points(
    layout: str, index_version: str, colour: str = "genre", colouring: str | None = None
) -> Call[bytes]:
    """Return the points of a map: int16 x, int16 y and uint8 category, each for all rows."""
    path = f"/v1/map/{_segment(layout)}/{_segment(index_version)}/points"
    return Call(bytes, "GET", path, {"colour": colour, "colouring": colouring})


def look_up_tracks(
    index_version: str, *, rows: Sequence[int] = (), ids: Sequence[str] = ()
) -> Call[answers.Lookup]:
    """Return the tracks of rows of the points, and the rows of tracks."""
    body = {"index_version": index_version, "rows": list(rows), "ids": list(ids)}
    return Call(answers.Lookup, "POST", "/v1/tracks/lookup", body=body)


def get_audio(track_id: str, as_: str = "flac") -> Call[bytes]:
    """Return a track's whole audio: the canonical FLAC, or the `original` file."""
    return Call(bytes, "GET", f"/v1/tracks/{_segment(track_id)}/audio", {"as": as_})


def get_peaks(track_id: str, *, n: int | None = None) -> Call[bytes]:
    """Return how loud each of `n` equal parts of a track is, a byte a part."""
    return Call(bytes, "GET", f"/v1/tracks/{_segment(track_id)}/peaks", {"n": n})


def find_similar_tracks(
    track_id: str, **wanted: Unpack[SimilarOptions]
) -> Call[answers.SimilarTracks]:
    """Return a page of the tracks that are most similar to one."""
    return Call(answers.SimilarTracks, "GET", f"/v1/tracks/{_segment(track_id)}/similar", wanted)


def search_tracks_by_examples(
    **wanted: Unpack[SearchOptions],
) -> Call[answers.SearchResults]:
    """Return a page of tracks like the positive examples and unlike the negative ones."""
    body = _with_filter(wanted)
    query = {"all_tags": body.pop("all_tags", None)}
    return Call(answers.SearchResults, "POST", "/v1/search", query, body=body)


def search_tracks_in_batch(searches: Sequence[SearchOptions]) -> Call[answers.BatchResults]:
    """Return a page for each of several searches by examples, all on one version of the index."""
    body = {"searches": [_with_filter(search) for search in searches]}
    return Call(answers.BatchResults, "POST", "/v1/search/batch", body=body)


def search_tracks_by_audio(
    file: Path | bytes, **wanted: Unpack[UploadOptions]
) -> Call[answers.UploadResults]:
    """Return the tracks that are most similar to a file, which is read whole, or to its bytes."""
    content = file.read_bytes() if isinstance(file, Path) else file
    return Call(answers.UploadResults, "POST", "/v1/search/audio", wanted, content=content)


def find_journey(
    from_: str,
    to: str,
    *,
    steps: int | None = None,
    per_artist: int | None = None,
    all_tags: bool | None = None,
) -> Call[answers.Journey]:
    """Return the tracks on the way from one track to another."""
    query = {
        "from": from_,
        "to": to,
        "steps": steps,
        "per_artist": per_artist,
        "all_tags": all_tags,
    }
    return Call(answers.Journey, "GET", "/v1/journeys", query)


def write_playlist(
    ids: Sequence[str], *, title: str = "soundalike", format: str = "m3u8", base: str = ""
) -> Call[str]:
    """Return the tracks in this order as a playlist, M3U8 or `jspf`."""
    body = {"ids": list(ids), "title": title, "format": format, "base": base}
    return Call(str, "POST", "/v1/playlists/file", body=body)


def get_session() -> Call[answers.BrowserSession]:
    """Return whose key this client has, and its scope."""
    return Call(answers.BrowserSession, "GET", "/v1/session")


def open_browser_session() -> Call[answers.BrowserSession]:
    """Have the server set a cookie that stands for the key; browsers need that, programs do not."""
    return Call(answers.BrowserSession, "POST", "/v1/session")


def close_browser_session() -> Call[answers.BrowserSession]:
    """Have the server delete that cookie."""
    return Call(answers.BrowserSession, "DELETE", "/v1/session")


def _segment(text: str) -> str:
    return quote(text, safe="")


def _with_filter(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Move the conditions on tracks to where a body has them."""
    names = FilterOptions.__annotations__.keys()
    conditions = {name: wanted[name] for name in wanted if name in names}
    others = {name: wanted[name] for name in wanted if name not in names}
    return {**others, "filter": conditions}
