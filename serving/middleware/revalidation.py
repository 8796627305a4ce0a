"""Revalidation: an answer is tagged by its content, and not sent to a client that has it.

The content is what an answer depends on, whatever it is made of: the served index, the catalog's
moment, what this caller may see. So no tag is right for one worker and wrong for another.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.accepted import is_negotiated
from serving.etags import NOT_MODIFIED, etag_of, is_known
from serving.limits import MIN_COMPRESSED_BYTES, UNCOMPRESSED_TYPES

WHOLE = 200


class Revalidate:
    """Middleware that gives what GET returns an ETag, and answers 304 to one that is known.

    An answer in parts, which is a file, has the tag that its route gives it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; hold the beginning of its answer until the content is there."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message | None = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == WHOLE:
                start = message
                return
            if start and message["type"] == "http.response.body":
                begun, start = start, None
                if not message.get("more_body"):
                    begun, message = _revalidated(scope, begun, message)
                await send(begun)
            await send(message)

        await self.app(scope, receive, sending)


def _revalidated(scope: Scope, start: Message, body: Message) -> tuple[Message, Message]:
    """Return the answer with its tag, or that it is not modified."""
    headers, content = MutableHeaders(raw=list(start["headers"])), body.get("body", b"")
    etag = headers.setdefault("ETag", etag_of(content))
    if is_negotiated(scope.get("route")):
        headers.add_vary_header("Accept")
    if not is_known(Headers(scope=scope), etag):
        return {**start, "headers": headers.raw}, body
    if _is_compressible(headers, content):  # as it would say if it were sent
        headers.add_vary_header("Accept-Encoding")
    del headers["Content-Length"], headers["Content-Type"]
    return {**start, "status": NOT_MODIFIED, "headers": headers.raw}, {**body, "body": b""}


def _is_compressible(headers: MutableHeaders, content: bytes) -> bool:
    """Return whether a client that accepts gzip would be sent the content in it."""
    media_type = headers.get("Content-Type", "").partition(";")[0]
    types = {media_type, f"{media_type.partition('/')[0]}/*"}
    return len(content) >= MIN_COMPRESSED_BYTES and types.isdisjoint(UNCOMPRESSED_TYPES)
