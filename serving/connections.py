"""Connections with bounds, which uvicorn has none of: their number, time and bytes of a request.

A connection that has waited longest for its client makes room for a new one, so that half-sent
requests never keep anybody else out. What the server refuses here never reaches the application.
"""

import math
from asyncio import TimerHandle, Transport
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.limits import (
    BODY_GRACE_SECONDS,
    HEADER_SECONDS,
    LINGER_SECONDS,
    MAX_CONNECTIONS,
    MAX_DISCARDED_BYTES,
    MAX_HEADER_BYTES,
    MIN_BODY_BYTES_PER_SECOND,
    WRITE_SECONDS,
)
from serving.raw_problems import raw_problem

if TYPE_CHECKING:  # the library of metrics must find the workers' shared folder when it is imported
    from serving.metrics import Metrics, Refusal

log = structlog.get_logger()


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose request must arrive in bounded time and bytes.

    It is in `_waiting` for the head of a request, then in `_receiving` for the rest of its body.
    """

    # In the order in which they began to wait, which uvicorn's own set of them does not keep.
    _waiting: ClassVar[dict["BoundedProtocol", None]] = {}
    _receiving: ClassVar[dict["BoundedProtocol", None]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **named)
        self._refused = False
        self._unparsed_bytes = self._header_bytes = self._body_bytes = 0
        self._readable_bytes = math.inf
        self._body_started = 0.0
        self._read_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; where there are too many connections, one of them ends."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and see what is still to come."""
        if self._refused:
            return
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._unparsed_bytes > MAX_HEADER_BYTES:
            self._refuse(431, "headers-too-large")
        elif self._read_timer is None:
            if self in self._receiving:
                self._body_started = self.loop.time()
                self._read_timer = self.loop.call_later(BODY_GRACE_SECONDS, self._check_body)
            elif self.cycle is None or self.cycle.response_complete:
                self._await_head()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._header_bytes = self._body_bytes = 0
        self._readable_bytes = math.inf

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or one after the body, before it is kept."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes + len(self.url) <= MAX_HEADER_BYTES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve the request, unless its head is too long."""
        if self._refused:
            return
        if self._header_bytes + len(self.url) > MAX_HEADER_BYTES:
            self._refuse(431, "headers-too-large")
            return
        super().on_headers_complete()
        self._unparsed_bytes = 0
        self._stop_reading_timer()
        self._waiting.pop(self, None)
        self._receiving[self] = None

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        if not self._refused:
            self._unparsed_bytes = 0
            self._body_bytes += len(body)
            super().on_body(body)
            if self._body_bytes > self._readable_bytes:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """End the wait for the body."""
        if not self._refused:
            self._unparsed_bytes = 0
            self._receiving.pop(self, None)
            self._stop_reading_timer()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on; what still comes of a body that was refused is not waited for."""
        super().on_response_complete()
        if self in self._receiving and self.cycle.response_complete:
            self._stop_reading_timer()
            self._read_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
            self._readable_bytes = self._body_bytes + MAX_DISCARDED_BYTES

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is answered."""
        if not self._refused:
            self._refuse(400, "malformed-request")

    def pause_writing(self) -> None:
        """Wait for a client that does not read its answer, but not for ever."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self._abort, "answer-not-read")

    def resume_writing(self) -> None:
        """Go on with a client that reads."""
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()

    def shutdown(self) -> None:
        """End the connection; a request that arrived whole is answered first, if that ends."""
        if self in self._receiving and not self.cycle.response_started:
            self._refuse(503, "stopping")
        elif self._is_endless():
            self.transport.close()
        else:
            super().shutdown()

    def _make_room(self) -> None:
        """End the connection that has waited longest for a head, or else for a body, or else ours.

        None waits for us: what is computed for a client is not ended.
        """
        others = (one for ones in (self._waiting, self._receiving) for one in ones)
        oldest = next((one for one in others if one is not self), self)
        oldest._abort("too-many-connections")

    def _await_head(self) -> None:
        self._waiting[self] = None
        self._read_timer = self.loop.call_later(HEADER_SECONDS, self._end_wait)

    def _end_wait(self) -> None:
        """End the wait for a head; if nothing came, it is a kept connection that nobody uses."""
        self._refuse(408, "request-too-slow" if self._unparsed_bytes else "idle")

    def _check_body(self) -> None:
        """Refuse a body that comes too slowly; while we do not read, it is not the sender's."""
        allowed = BODY_GRACE_SECONDS + self._body_bytes / MIN_BODY_BYTES_PER_SECOND
        left = self._body_started + allowed - self.loop.time()
        if self.flow.read_paused:
            self._body_started += max(0.0, BODY_GRACE_SECONDS - left)
            left = BODY_GRACE_SECONDS
        if left <= 0:
            self._refuse(408, "request-too-slow")
        else:
            self._read_timer = self.loop.call_later(left, self._check_body)

    def _abort(self, refusal: "Refusal") -> None:
        """End the connection without an answer."""
        self._count(refusal)
        self._forget()
        self.transport.abort()

    def _count(self, refusal: "Refusal") -> None:
        metrics: Metrics = self.app_state["metrics"]  # the lifespan's
        metrics.refused_connections.labels(refusal).inc()

    def _refuse(self, status: int, refusal: "Refusal") -> None:
        """Answer with a problem, unless an answer has begun, and close the connection."""
        self._refused = True
        self._forget()
        if self.transport.is_closing():
            return
        self._count(refusal)
        correlation_id = uuid4().hex
        if self._unparsed_bytes or self._receiving_unanswered():
            self.transport.write(raw_problem(status, correlation_id))
        address = self.client[0] if self.client else ""
        log.info(
            "connection.refused", reason=refusal, client=address, correlation_id=correlation_id
        )
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)  # if it does not read either

    def _is_endless(self) -> bool:
        """Return whether the answer that is sent has no end to wait for."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(cycle.scope.get("state", {}).get("is_endless"))

    def _receiving_unanswered(self) -> bool:
        return self.cycle is not None and not self.cycle.response_started

    def _stop_reading_timer(self) -> None:
        if self._read_timer:
            self._read_timer.cancel()
            self._read_timer = None

    def _forget(self) -> None:
        self._waiting.pop(self, None)
        self._receiving.pop(self, None)
        self._stop_reading_timer()
        if self._write_timer:
            self._write_timer.cancel()
