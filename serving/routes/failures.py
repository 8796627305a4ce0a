"""Route for failures: which files failed, at which stage, why, and when they are retried."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving import limits
from serving.cursors import decode_cursor, encode_cursor, invalid_cursor
from serving.dependencies import SessionDep
from serving.errors import documented
from serving.schemas.requests import Cursor, PageSize
from serving.schemas.responses import Failure, FailurePage
from soundalike.catalog import failures
from soundalike.catalog.failures import FailureView
from soundalike.catalog.tracks import storable

router = APIRouter(prefix="/v1", tags=["failures"])

MAX_FILE_ID = 2**63  # PostgreSQL's bigint


@router.get("/failures", responses=documented(503))
async def list_failures(
    session: SessionDep,
    limit: Annotated[PageSize, Query()] = limits.DEFAULT_PAGE_SIZE,
    cursor: Annotated[Cursor, Query()] = None,
) -> FailurePage:
    """List the files of the collection that failed and why, a page at a time."""
    # One more than requested shows whether there is a next page.
    statement = failures.page(limit + 1, _position(cursor) if cursor else None)
    views = [FailureView(*row) for row in await session.execute(statement)]
    last = views[limit - 1] if len(views) > limit else None
    return FailurePage(
        items=[Failure.model_validate(view) for view in views[:limit]],
        next_cursor=encode_cursor(last.file_id, last.stage) if last else None,
        total=await session.scalar(failures.count()) or 0,
    )


def _position(cursor: str) -> tuple[int, str]:
    file_id, stage = decode_cursor(cursor, int, str)
    if not (0 <= file_id < MAX_FILE_ID and storable(stage)):
        raise invalid_cursor()
    return file_id, stage
