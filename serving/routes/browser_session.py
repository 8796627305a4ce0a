"""Routes for a browser's session: a key, sent once, becomes a cookie that no page can read."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Request, Response

from serving.browser_sessions import COOKIE
from serving.dependencies import CallerDep, StateDep
from serving.errors import documented
from serving.key_ring import Caller
from serving.limits import SESSION_SECONDS
from serving.schemas.session import BrowserSession
from serving.state import State
from soundalike.settings import is_loopback

router = APIRouter(prefix="/v1", tags=["health"])


LOOPBACK = "127.0.0.1"
REACH_SECONDS = 0.5


@router.get("/session")
async def get_session(request: Request, caller: CallerDep, state: StateDep) -> BrowserSession:
    """Return who sends this request, and what the key allows; without keys it is the owner."""
    return await _shown(request, caller, state)


@router.post("/session", responses=documented(503))
async def open_browser_session(
    request: Request, response: Response, caller: CallerDep, state: StateDep
) -> BrowserSession:
    """Have the browser keep a cookie that stands for the key in this request's header.

    No script can read it and no other site can use it; it ends with the key, or after 30 days.
    Where no key is needed none is set.
    """
    token = state["browser_sessions"].open(caller)
    if token:
        response.set_cookie(
            COOKIE,
            str(token),
            max_age=SESSION_SECONDS,
            path=_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
    return await _shown(request, caller, state)


@router.delete("/session")
async def close_browser_session(
    request: Request, response: Response, caller: CallerDep, state: StateDep
) -> BrowserSession:
    """Have the browser forget the cookie, and return whose it was."""
    response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="strict")
    return await _shown(request, caller, state)


async def _shown(request: Request, caller: Caller, state: State) -> BrowserSession:
    port = state["settings"].dagster_port
    is_here = request.client is not None and is_loopback(request.client.host)
    dagster = f"http://{LOOPBACK}:{port}" if is_here and await _listens(port) else None
    return BrowserSession(name=caller.name, scope=caller.scope, dagster=dagster)


async def _listens(port: int) -> bool:
    """Return whether anything listens on this machine's port, which `up` gives to the UI."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.close()
            return True
    return False


def _path(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}/"
