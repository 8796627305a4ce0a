"""Whether the process lives, and whether it can answer."""

from fastapi import APIRouter
from sqlalchemy import select

from serving.dependencies import LiveDep, SessionDep, served_index
from serving.errors import documented
from serving.schemas.responses import Alive, Ready

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Alive:
    """The process answers. Restart it when this does not."""
    return Alive()


@router.get("/ready", responses=documented(503))
async def ready(session: SessionDep, live: LiveDep) -> Ready:
    """The catalog answers and an index is loaded. Send no requests while this is 503."""
    await session.execute(select(1))
    served = served_index(live)
    return Ready(index_version=served.manifest.version, problem=live.problem)
