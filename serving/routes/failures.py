"""Files that did not get through the pipeline: which, where, why, and when they are tried again."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving import limits
from serving.dependencies import SessionDep
from serving.errors import documented
from serving.schemas.responses import Failure, FailurePage
from soundalike.catalog import failures
from soundalike.catalog.failures import FailureView

router = APIRouter(prefix="/v1", tags=["failures"])

PageSize = Annotated[int, Query(ge=1, le=limits.MAX_PAGE_SIZE, description="Failures on a page.")]
SearchCursor = Annotated[
    str | None,
    Query(pattern=r"^\d{1,18}\.[a-z_]{1,40}$", description="`next_cursor` of the page before."),
]


@router.get("/failures", responses=documented(422, 503))
async def list_failures(
    session: SessionDep, limit: PageSize = limits.DEFAULT_PAGE_SIZE, cursor: SearchCursor = None
) -> FailurePage:
    """Files of the collection that are not in the index because something is wrong with them."""
    # One more than asked for tells whether there is a next page.
    rows = (await session.execute(failures.page(limit + 1, _after(cursor)))).all()
    views = [FailureView(*row) for row in rows]
    last = views[limit - 1] if len(views) > limit else None
    return FailurePage(
        items=[Failure.model_validate(view) for view in views[:limit]],
        next_cursor=f"{last.file_id}.{last.stage}" if last else None,
        total=await session.scalar(failures.count()) or 0,
    )


def _after(cursor: str | None) -> tuple[int, str] | None:
    file_id, _, stage = (cursor or "").partition(".")
    return (int(file_id), stage) if file_id else None
