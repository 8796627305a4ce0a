"""Route for the pipeline: whether ingestion works, waits, or is stuck, and since when."""

import datetime as dt

from fastapi import APIRouter

from serving.dependencies import SessionDep
from serving.errors import documented
from serving.schemas.state import Pipeline
from soundalike.catalog.ingestion import Ingestion, ingestion

router = APIRouter(prefix="/v1", tags=["health"])


@router.get("/pipeline", responses=documented(503))
async def get_pipeline(session: SessionDep) -> Pipeline:
    """Tell how ingestion goes. Alert when `state` is `stuck`."""
    return as_pipeline(await session.run_sync(ingestion))


def as_pipeline(now: Ingestion) -> Pipeline:
    """Convert the state of ingestion to the response's form."""
    return Pipeline(
        state=now.state(dt.datetime.now(dt.UTC)),
        pending_batches=now.pending,
        batches_at_work=now.at_work,
        last_progress_at=now.progress_at,
    )
