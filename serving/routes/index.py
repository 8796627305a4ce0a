"""Route for the served index version and its origin."""

from fastapi import APIRouter

from serving.dependencies import ServedIndexDep
from serving.errors import documented
from serving.index.live_index import ServedIndex
from serving.schemas.responses import Index

router = APIRouter(prefix="/v1", tags=["index"])


@router.get("/index", responses=documented(503))
async def get_index(served: ServedIndexDep) -> Index:
    """Return the served index version. It changes automatically when a new one is published."""
    return as_index(served)


def as_index(served: ServedIndex) -> Index:
    """Convert a served version to the response's form."""
    return Index(
        **served.manifest.model_dump(include=set(Index.model_fields)),
        published_at=served.published_at,
    )
