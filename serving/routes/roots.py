"""Route for the music roots: the folders and buckets that tracks' paths are relative to."""

from fastapi import APIRouter

from serving.dependencies import SeesLocationsDep, SessionDep
from serving.errors import documented
from serving.schemas.library import RootList, RootSummary
from soundalike.catalog.root_views import RootView, all_roots

router = APIRouter(prefix="/v1", tags=["tracks"])


@router.get("/roots", responses=documented(503))
async def list_roots(session: SessionDep, located: SeesLocationsDep) -> RootList:
    """List the music roots: the folders and buckets that the tracks' paths are relative to."""
    views = [RootView(*row) for row in await session.execute(all_roots())]
    roots = [
        RootSummary(
            name=view.name,
            kind="bucket" if view.root.is_bucket else "folder",
            location=view.root.shown if located else None,
            tracks=view.tracks,
            files=view.files,
            scanned_at=view.scanned_at,
            problems=view.problems if located else view.problems_without_location,
        )
        for view in views
    ]
    return RootList(items=roots, total=len(roots))
