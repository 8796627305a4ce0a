"""Routes for failures: which files failed, why, when they are retried; retrying them now."""

from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Body, Depends

from serving.content_type import require_json
from serving.cursors import decode_cursor, encode_cursor, invalid_cursor
from serving.dependencies import CallerDep, SessionDep, WritingDep
from serving.errors import documented
from serving.query_parameters import FromQuery, described
from serving.schemas.administration import RETRY_EXAMPLES, FailureParameters, RetryRequest
from serving.schemas.state import Failure, FailurePage, Retry
from soundalike.catalog import failures
from soundalike.catalog.failures import FailureView
from soundalike.catalog.tracks import storable

router = APIRouter(prefix="/v1", tags=["failures"])
admin = APIRouter(prefix="/v1", tags=["failures"])
log = structlog.get_logger()

MAX_FILE_ID = 2**63  # PostgreSQL's bigint


@router.get("/failures", responses=documented(503), openapi_extra=described(FailureParameters))
async def list_failures(
    parameters: Annotated[FailureParameters, Depends(FromQuery(FailureParameters))],
    session: SessionDep,
) -> FailurePage:
    """List the files of the collection that failed and why, a page at a time."""
    limit, cursor, chosen = parameters.limit, parameters.cursor, parameters.in_catalog
    # One more than requested shows whether there is a next page.
    statement = failures.page(limit + 1, _position(cursor) if cursor else None, chosen)
    views = [FailureView(*row) for row in await session.execute(statement)]
    last = views[limit - 1] if len(views) > limit else None
    return FailurePage(
        items=[Failure.model_validate(view) for view in views[:limit]],
        next_cursor=encode_cursor(last.file_id, last.stage) if last else None,
        total=await session.scalar(failures.count(chosen)) or 0,
    )


@admin.post(
    "/failures/retry",
    responses=documented(400, 413, 415, 503),
    dependencies=[Depends(require_json)],
)
async def retry_failures(
    request: Annotated[RetryRequest, Body(openapi_examples=RETRY_EXAMPLES)],
    caller: CallerDep,
    writing: WritingDep,
) -> Retry:
    """Have failures retried without waiting for their delays, with no attempts counted.

    The filter is that of the list. The next ingest takes them, or within a minute `soundalike up`.
    """
    chosen = request.in_catalog
    async with writing() as session:
        retried = await session.run_sync(
            partial(failures.retry, everything=request.everything, chosen=chosen)
        )
        total = await session.scalar(failures.count(chosen)) or 0
    log.info("failures.retried", retried=retried, key=caller.name)
    return Retry(retried=retried, total=total)


def _position(cursor: str) -> tuple[int, str]:
    file_id, stage = decode_cursor(cursor, int, str)
    if not (0 <= file_id < MAX_FILE_ID and storable(stage)):
        raise invalid_cursor()
    return file_id, stage
