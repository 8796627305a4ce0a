"""Routes for the served index version: its origin, and publishing another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from anyio import to_thread
from fastapi import APIRouter, Body, Depends
from sqlalchemy.orm import Session

from serving.content_type import require_json
from serving.dependencies import (
    CallerDep,
    LiveDep,
    ServedIndexDep,
    SessionDep,
    StoreDep,
    WritingDep,
)
from serving.errors import Problem, documented
from serving.index.served_index import ServedIndex
from serving.schemas.administration import PUBLICATION_EXAMPLES, PublicationRequest
from serving.schemas.state import Index, Publication
from soundalike.catalog import library_settings, publications
from soundalike.errors import ArtifactError, MissingCollection
from soundalike.ingest.milvus_versions import require_collection, show_published
from soundalike.ingest.publish import (
    BuiltVersion,
    built_version,
    published_manifest,
    require_publishable,
)

router = APIRouter(prefix="/v1", tags=["index"])
admin = APIRouter(prefix="/v1", tags=["index"])
log = structlog.get_logger()


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


@admin.post(
    "/index/publications",
    responses=documented(400, 404, 409, 413, 415, 503),
    dependencies=[Depends(require_json)],
)
async def publish_version(
    request: Annotated[PublicationRequest, Body(openapi_examples=PUBLICATION_EXAMPLES)],
    caller: CallerDep,
    store: StoreDep,
    live: LiveDep,
    session: SessionDep,
    writing: WritingDep,
) -> Publication:
    """Publish an index version, as a rollback, or the newest one.

    A version that is named stays until another one is published here or in Dagster; the newest one,
    without a name, follows the library again. Its files are read and checked before. Every worker
    serves it within seconds.
    """
    with _known_version():
        built = await session.run_sync(_built, request.version)
    await session.rollback()  # nobody holds a connection while files are read
    try:
        await to_thread.run_sync(require_publishable, store, built)
        if live.milvus:
            await to_thread.run_sync(require_collection, live.milvus, built.version)
    except MissingCollection as error:
        detail = f"Milvus has no collection of index {built.version}: materialise published_index"
        raise Problem(409, "unusable-version", detail) from error
    except ArtifactError as error:
        log.warning("index.not_published", version=built.version, reason=str(error))
        detail = (
            f"index {built.version} is damaged, or failed its checks; the log has the cause under "
            "this correlation id"
        )
        raise Problem(409, "unusable-version", detail) from error
    async with writing() as writer:
        with _known_version():  # it may have been removed meanwhile
            await writer.run_sync(publications.publish, built.version, request.version is not None)
        manifest = await writer.run_sync(published_manifest, store)
        if live.milvus:
            args = live.milvus, manifest.version, manifest.replaces
            await to_thread.run_sync(show_published, *args)
    log.info("index.published", version=built.version, key=caller.name)
    return Publication.model_validate(manifest)


@contextmanager
def _known_version() -> Iterator[None]:
    """Answer 404 for a version that was never built, or was removed."""
    try:
        yield
    except ArtifactError as error:
        raise Problem(404, "unknown-version", str(error)) from error


def _built(session: Session, version: str | None) -> BuiltVersion:
    """Return the version to publish: without a name the newest of the library's space."""
    library, served = library_settings.read(session), publications.published(session)
    space = library.space if library else served.index.space if served else ""
    return built_version(session, space, version)
