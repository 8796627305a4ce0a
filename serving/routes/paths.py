"""Route for paths: from one track to another in steps of similar sound."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving import limits
from serving.dependencies import LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import Problem, documented
from serving.schemas.requests import Cap
from serving.schemas.responses import TRACK_ID, PathStep, Track, TrackPath
from serving.search.service import path_between
from serving.search.tracks import unknown_track
from soundalike.vectors.limits import MAX_PATH_STEPS

router = APIRouter(prefix="/v1", tags=["search"])

End = Annotated[str, Query(max_length=limits.MAX_ID_LENGTH, examples=[TRACK_ID])]
Steps = Annotated[
    int,
    Query(
        ge=limits.MIN_PATH_STEPS,
        le=MAX_PATH_STEPS,
        description="Number of tracks on the path, both ends included.",
    ),
]


@router.get("/paths", responses=documented(404, 409, 422, 503))
async def path(
    start: Annotated[End, Query(alias="from")],
    end: Annotated[End, Query(alias="to")],
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
    steps: Steps = limits.DEFAULT_PATH_STEPS,
    per_artist: Cap | None = None,
) -> TrackPath:
    """Find a path from one track to another; each step is near its point on the arc, none twice."""
    served = served_index(live)
    if start == end:
        raise Problem(422, "invalid-request", "query.to: the path must end at another track")
    track_path, views = await path_between(
        session, served, metrics, (start, end), steps, per_artist
    )
    if start not in views or end not in views:
        raise unknown_track()
    if not track_path.steps:
        detail = f"the collection has too few tracks for a path of {steps}; request fewer steps"
        raise Problem(
            409, "too-few-tracks", detail + (", or more per artist" if per_artist else "")
        )
    return TrackPath(
        index_version=served.manifest.version,
        steps=[
            PathStep(
                position=position,
                nearness=step.nearness,
                from_previous=step.from_previous,
                track=Track.model_validate(views[step.track_id]),
            )
            for position, step in enumerate(track_path.steps, 1)
        ],
    )
