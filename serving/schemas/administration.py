"""Requests of administration as pydantic models: publishing a version, retrying failures."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from serving import limits
from serving.schemas.filters import Path, Word
from serving.schemas.requests import Cursor, PageSize
from serving.schemas.strict import StrictBody
from soundalike.catalog.failures import FailureFilter

VERSION = "3fd0c9a7b2e1"
Words = Annotated[list[Word], Field(max_length=limits.MAX_NAMES)]


class PublicationRequest(StrictBody):
    """The index version to publish."""

    version: str | None = Field(
        None,
        pattern="^[A-Za-z0-9._-]{1,64}$",
        description="A version that was built, which then stays; null for the one built last.",
        examples=[VERSION],
    )


class FailureFilters(BaseModel):
    """Conditions on failures. All that are set must hold."""

    codes: Words = Field(
        [], description="Failures with any of these codes.", examples=[["silent", "too_quiet"]]
    )
    stages: Words = Field(
        [], description="Failures at any of these stages.", examples=[["resampled_audio"]]
    )
    path_prefix: Path | None = Field(
        None, description="Start of the file's path, as responses show it.", examples=["Ana Lua/"]
    )

    @property
    def in_catalog(self) -> FailureFilter:
        """The filter for the catalog."""
        return FailureFilter(tuple(self.codes), tuple(self.stages), self.path_prefix)


class FailureParameters(FailureFilters):
    """Query parameters of `GET /v1/failures`."""

    limit: PageSize = limits.DEFAULT_PAGE_SIZE
    cursor: Cursor = None


class RetryRequest(StrictBody, FailureFilters):
    """The failures to retry now."""

    everything: bool = Field(
        False, description="Also those that are not transient: files that are themselves broken."
    )


PUBLICATION_EXAMPLES: dict[str, Any] = {
    "the newest version": {"value": {}},
    "an older version": {"value": {"version": VERSION}},
}
RETRY_EXAMPLES: dict[str, Any] = {
    "all that are transient": {"value": {}},
    "some, however they failed": {
        "value": {"codes": ["silent"], "path_prefix": "Ana Lua/", "everything": True}
    },
}
