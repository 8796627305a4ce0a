"""The index that is served: what it is and where it came from."""

from fastapi import APIRouter

from serving.dependencies import SearchDep
from serving.errors import documented
from serving.schemas.responses import Index

router = APIRouter(prefix="/v1", tags=["index"])


@router.get("/index", responses=documented(503))
async def index(served: SearchDep) -> Index:
    """What answers come from now. It changes by itself when a new version is published."""
    return Index(
        **served.manifest.model_dump(include=set(Index.model_fields)),
        published_at=served.published_at,
    )
