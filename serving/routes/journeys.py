"""Route for journeys: from one track to another in steps of similar sound."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serving import limits
from serving.dependencies import SearchContextDep, served_index
from serving.errors import Problem, documented
from serving.json_answer import JsonAnswer
from serving.playlists import PLAYLISTS, playlist, playlist_form
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.schemas.problems import FieldProblem
from serving.schemas.requests import AllTags, Base, Cap, PlaylistFormat, PlaylistParameters
from serving.schemas.results import Journey
from serving.search.service import journey_between
from serving.search.tracks import unknown_track
from soundalike.vectors.limits import MAX_JOURNEY_STEPS

router = APIRouter(prefix="/v1", tags=["search"])

End = Annotated[str, Query(max_length=limits.MAX_ID_LENGTH)]
Start = Annotated[End, Query(alias="from", description="The first track.", examples=[TRACK_ID])]
Target = Annotated[End, Query(alias="to", description="The last track.", examples=[OTHER_TRACK_ID])]
Steps = Annotated[
    int,
    Query(
        ge=limits.MIN_JOURNEY_STEPS,
        le=MAX_JOURNEY_STEPS,
        description="Number of tracks on the journey, both ends included.",
        examples=[4],
    ),
]
PerArtist = Annotated[
    Cap | None, Query(description="Maximum number of tracks per artist.", examples=[3])
]


@router.get(
    "/journeys", response_model=Journey, responses={**PLAYLISTS, **documented(404, 409, 503)}
)
async def find_journey(
    request: Request,
    start: Start,
    end: Target,
    context: SearchContextDep,
    steps: Steps = limits.DEFAULT_JOURNEY_STEPS,
    per_artist: PerArtist = None,
    format: Annotated[PlaylistFormat, Query()] = None,
    base: Annotated[Base, Query()] = "",
    all_tags: Annotated[AllTags, Query()] = False,
) -> Response:
    """Find a journey from one track to another.

    Each step is the track nearest to its point on the arc between both ends; none comes twice.
    """
    served = served_index(context.live)
    if start == end:
        message = "the journey must end at another track"
        error = FieldProblem(location="query", field="to", message=message)
        raise Problem(422, "invalid-request", f"query `to`: {message}", errors=[error])
    journey, views = await journey_between(
        context.catalog, served, context.metrics, (start, end), steps, per_artist
    )
    if start not in views or end not in views:
        raise unknown_track()
    if not journey.steps:
        detail = f"the collection has too few tracks for {steps} steps; request fewer"
        raise Problem(
            409, "too-few-tracks", detail + (", or more per artist" if per_artist else "")
        )
    parameters = PlaylistParameters(format=format, base=base)
    if kind := playlist_form(request, parameters):
        title = f"{views[start].name} to {views[end].name}"
        between = [views[step.track_id] for step in journey.steps]
        return playlist(kind, parameters, title, between, context.catalog.headers)
    if all_tags:
        views = await context.catalog.with_all_tags(views)
    return JsonAnswer(
        {
            "index_version": served.manifest.version,
            "items": [
                {
                    "position": position,
                    "score": step.score,
                    "score_to_previous": step.score_to_previous,
                    "track": context.as_track(views[step.track_id]),
                }
                for position, step in enumerate(journey.steps, 1)
            ],
            "removed": journey.removed,
            "certain": journey.certain,
        },
        headers=context.catalog.headers,
    )
