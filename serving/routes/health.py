"""Health routes: whether the process is alive, and whether it is ready to serve queries."""

import asyncio

from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from serving.dependencies import LiveDep, SessionDep, served_index
from serving.errors import RETRY_LATER, Problem, documented
from serving.limits import READY_SECONDS
from serving.query_parameters import require_known_parameters
from serving.schemas.state import Alive, Ready

CATALOG_AWAY = (
    "the catalog's PostgreSQL does not respond: searches are answered as of before, and what only "
    "it knows is not; `soundalike doctor` says more"
)

router = APIRouter(
    prefix="/health", tags=["health"], dependencies=[Depends(require_known_parameters)]
)


@router.get("/live", operation_id="check_liveness")
async def live() -> Alive:
    """Check that the process is alive. Restart it when this does not respond."""
    return Alive()


@router.get("/ready", responses=documented(503), operation_id="check_readiness")
async def ready(session: SessionDep, live: LiveDep) -> Ready:
    """Check that an index is loaded, so that searches are answered. Send none while this is 503.

    While the catalog does not respond, `problem` says so: searches are answered as of before.
    """
    problems = [live.problem]
    try:
        async with asyncio.timeout(READY_SECONDS):
            await session.execute(select(1))
    except (TimeoutError, OperationalError, InterfaceError, PoolTimeout) as error:
        if live.served is None:
            detail = f"the catalog's PostgreSQL did not answer within {READY_SECONDS} s"
            raise Problem(503, "catalog-unreachable", detail, RETRY_LATER) from error
        problems.append(CATALOG_AWAY)
    served = served_index(live)
    if live.search_problem:
        raise Problem(503, "milvus-unreachable", live.search_problem, RETRY_LATER)
    return Ready(
        index_version=served.manifest.version, problem="; ".join(filter(None, problems)) or None
    )
