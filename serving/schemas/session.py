"""Responses about the sender of a request."""

from typing import Literal

from pydantic import Field

from serving.schemas.base import ResponseModel


class BrowserSession(ResponseModel):
    """The sender of a request: the name of its key, and what that allows."""

    name: str = Field(description="Name of the key; `owner` where none is needed.")
    scope: Literal["read", "admin"]
    dagster: str | None = Field(
        description="Address of the Dagster UI, for clients on the same machine while it runs.",
        examples=["http://127.0.0.1:3000"],
    )
