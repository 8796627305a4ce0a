"""The rate limit: so many requests of a key in a window of time, counted in each worker."""

import math
import time

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Problem, respond
from serving.key_ring import Caller
from serving.metrics import Metrics


class LimitRate:
    """Middleware that answers 429 to a key's requests beyond the limit, until its window ends.

    The headers are those of draft-ietf-httpapi-ratelimit-headers. Routes without a key, as
    health, have no caller and no limit.
    """

    def __init__(self, app: ASGIApp, limit: str, metrics: Metrics) -> None:
        """Read the limit, such as `600/minute`, which the settings have validated."""
        self.app = app
        self._limit = parse(limit)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._metrics = metrics
        self._policy = f'"key";q={self._limit.amount};w={self._limit.get_expiry()}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429; either way say how many requests are left."""
        caller: Caller | None = scope.get("caller")
        if caller is None:
            await self.app(scope, receive, send)
            return
        identity = str(caller.key_id or caller.name)
        is_admitted = await self._limiter.hit(self._limit, identity)
        window = await self._limiter.get_window_stats(self._limit, identity)
        seconds = max(1, math.ceil(window.reset_time - time.time()))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = self._policy
                headers["RateLimit"] = f'"key";r={window.remaining};t={seconds}'
            await send(message)

        if is_admitted:
            await self.app(scope, receive, sending)
            return
        self._metrics.rate_limited.inc()
        detail = f"more than {self._limit} with this key; wait {seconds} s"
        problem = Problem(429, "rate-limited", detail, {"Retry-After": str(seconds)})
        await respond(scope, problem)(scope, receive, sending)
