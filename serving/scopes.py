"""The scopes of routes: what a caller's key must allow, as the OpenAPI document tells too."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer, SecurityScopes
from fastapi.security.http import HTTPAuthorizationCredentials

from serving.errors import Problem
from serving.key_ring import Caller

HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key of the API.")
BEARER = HTTPBearer(auto_error=False, description="The same key, as a bearer token.")


async def require_scopes(
    needed: SecurityScopes,
    request: Request,
    _header: Annotated[str | None, Security(HEADER)],
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
) -> None:
    """Require a key that has all needed scopes. Raises Problem: 403 if it does not.

    The parameters are for the document only.
    """
    caller: Caller = request.scope["caller"]
    for scope in needed.scopes:
        if not caller.may(scope):
            detail = (
                f"this route needs a key of the scope `{scope}`, and yours has `{caller.scope}`; "
                f"`soundalike keys add NAME --scope {scope}` makes one"
            )
            raise Problem(403, "forbidden", detail)
