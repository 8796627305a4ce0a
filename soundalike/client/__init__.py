"""A typed client of the API, synchronous and asynchronous (docs/notebook.md).

    from soundalike.client import Client

    with Client() as music:
        for result in music.find_similar_tracks(track_id, limit=5).items:
            print(result.score, result.track.title)

It imports neither the models nor the service, only an HTTP client and pydantic.
"""

from soundalike.client.answers import (
    Alive,
    Failure,
    FailurePage,
    Index,
    Journey,
    JourneyStep,
    Ready,
    SearchResults,
    SimilarTrack,
    SimilarTracks,
    Tag,
    Track,
    TrackDetails,
    TrackPage,
    UploadResults,
)
from soundalike.client.call import Call
from soundalike.client.problems import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    HeadersTooLarge,
    InvalidField,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ProblemError,
    RequestTooSlow,
    ServerFault,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownHost,
    Unreachable,
    UnsupportedMedia,
)
from soundalike.client.tables import to_pandas
from soundalike.client.transport import AsyncClient, Client, Retries

__all__ = [
    "Alive",
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "Call",
    "Client",
    "Conflict",
    "Failure",
    "FailurePage",
    "Forbidden",
    "HeadersTooLarge",
    "Index",
    "InvalidField",
    "InvalidRequest",
    "Journey",
    "JourneyStep",
    "MethodNotAllowed",
    "NotFound",
    "ProblemError",
    "Ready",
    "RequestTooSlow",
    "Retries",
    "SearchResults",
    "ServerFault",
    "SimilarTrack",
    "SimilarTracks",
    "Tag",
    "TooLarge",
    "TooManyRequests",
    "Track",
    "TrackDetails",
    "TrackPage",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "UnknownHost",
    "Unreachable",
    "UnsupportedMedia",
    "UploadResults",
    "to_pandas",
]
