"""Turns: so many requests at a time are computed, so that the event loop answers in between."""

import asyncio
import re
from collections.abc import Collection
from contextlib import nullcontext

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import RETRY_LATER, Problem, respond
from serving.limits import MAX_TURNS, TURN_SECONDS


class TakeTurns:
    """Middleware that has requests wait for a turn, first come first served, once they arrived.

    A body is read before: a slow sender takes nobody's turn. Bounds of it are `LimitBody`'s.
    """

    def __init__(self, app: ASGIApp, exempt: Collection[re.Pattern[str]]) -> None:
        """Exempt the paths that match one of these.

        They are health's, which must always be answered; those of uploads and of events, which
        have places; and those of audio, which takes as long as it is listened to.
        """
        self.app = app
        self._exempt = exempt
        self._turns = asyncio.Semaphore(MAX_TURNS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request in its turn, or answer 503."""
        if scope["type"] != "http" or any(each.match(scope["path"]) for each in self._exempt):
            await self.app(scope, receive, send)
            return
        whole: list[Message] = [await _whole(receive)]

        async def received() -> Message:
            return whole.pop() if whole else await receive()

        try:
            # A timer costs time, and mostly there is a turn.
            async with asyncio.timeout(TURN_SECONDS) if self._turns.locked() else nullcontext():
                await self._turns.acquire()
        except TimeoutError:
            detail = "too many requests are waiting; try again in a moment"
            problem = Problem(503, "overloaded", detail, RETRY_LATER)
            await respond(scope, problem)(scope, receive, send)
            return
        try:
            await self.app(scope, received, send)
        finally:
            self._turns.release()


async def _whole(receive: Receive) -> Message:
    """Receive the whole body. Raises ClientDisconnect."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return {"type": "http.request", "body": bytes(body), "more_body": False}
