"""Access to routes: the scope that a caller's key must have, as the OpenAPI document tells too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.security import APIKeyHeader, HTTPBearer

from serving.errors import Problem
from serving.key_ring import Caller
from serving.query_parameters import require_known_parameters
from soundalike.catalog.api_keys import Scope

SCHEMES = {
    "APIKeyHeader": APIKeyHeader(name="X-API-Key", description="A key of the API."),
    "HTTPBearer": HTTPBearer(description="The same key, as a bearer token."),
}


@dataclass(frozen=True)
class RequireAccess:
    """A dependency that requires a key of the scope, and query parameters that the route has.

    One does both, and the document's schemes are no dependencies: each takes 2 % of a search's CPU.
    """

    scope: Scope

    async def __call__(self, request: Request) -> None:
        """Raise Problem: 403 for a key of another scope; and as `require_known_parameters` does."""
        caller: Caller = request.scope["caller"]
        if not caller.may(self.scope):
            detail = (
                f"this route needs a key of the scope `{self.scope}`, and yours has "
                f"`{caller.scope}`; `soundalike keys add NAME --scope {self.scope}` makes one"
            )
            raise Problem(403, "forbidden", detail)
        await require_known_parameters(request)


def described_schemes() -> Mapping[str, Any]:
    """Return what the OpenAPI document has of the ways to send a key."""
    return {
        name: scheme.model.model_dump(by_alias=True, exclude_none=True, mode="json")
        for name, scheme in SCHEMES.items()
    }


def described_scope(scope: Scope) -> list[dict[str, list[str]]]:
    """Return what the OpenAPI document has of an operation that needs a key of this scope."""
    return [{name: [scope]} for name in SCHEMES]
