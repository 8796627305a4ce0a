"""A server that cannot answer now is asked again when it says, and not for ever."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serving.problems import urn
from soundalike.client import AsyncClient, Client, ServerFault, Unavailable, UnexpectedAnswer
from soundalike.client.transport import Retries

Planned = tuple[int, dict[str, str], bytes]
ALIVE: Planned = (200, {}, b'{"status": "alive"}')


def problem(status: int, kind: str, **headers: str) -> Planned:
    body = {"type": urn(kind), "title": kind, "status": status, "detail": "later"}
    return status, {"X-Request-ID": "abc", **headers}, json.dumps(body).encode()


def busy(after: str | None) -> Planned:
    return problem(503, "busy", **({} if after is None else {"Retry-After": after}))


class Server(ThreadingHTTPServer):
    """Gives the planned responses one after another, the last for ever; counts requests."""

    planned: list[Planned]
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        planned = self.server.planned
        status, headers, body = planned.pop(0) if len(planned) > 1 else planned[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The tests' output is not its log."""


@contextmanager
def serving(*planned: Planned) -> Iterator[tuple[Server, str]]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.planned = list(planned)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_busy_server_is_given_up_at_once() -> None:
    with serving(busy("0"), busy("0"), ALIVE) as (server, address), Client(address) as client:
        assert client.check_liveness().status == "alive"
        assert server.asked == 3
    with serving(busy("0"), busy("0"), ALIVE) as (server, address):
        async with AsyncClient(address) as client:
            assert (await client.check_liveness()).status == "alive"
        assert server.asked == 3


async def test_a_server_that_stays_busy_is_asked_for_ever() -> None:
    with serving(busy("0")) as (server, address), Client(address) as client:
        with pytest.raises(Unavailable) as given_up:
            client.check_liveness()
        assert (server.asked, given_up.value.kind) == (1 + Retries().most, "busy")
    with serving(busy("0")) as (server, address):
        async with AsyncClient(address, retries=Retries(most=1)) as client:
            with pytest.raises(Unavailable):
                await client.check_liveness()
        assert server.asked == 2


@pytest.mark.parametrize("after", ["3600", None, "soon", "-1"])
def test_a_time_too_long_or_none_is_waited_for(after: str | None) -> None:
    with serving(busy(after), ALIVE) as (server, address), Client(address) as client:
        with pytest.raises(Unavailable):
            client.check_liveness()
        assert server.asked == 1


def test_a_fault_is_tried_again() -> None:
    fault = problem(500, "internal-error", **{"Retry-After": "0"})
    with serving(fault, ALIVE) as (server, address), Client(address) as client:
        with pytest.raises(ServerFault) as raised:
            client.check_liveness()
        assert (server.asked, raised.value.request_id) == (1, "abc")


def test_a_proxy_s_page_is_taken_for_a_problem() -> None:
    page: Planned = (502, {}, b"<html>Bad gateway</html>")
    with (
        serving(page) as (_, address),
        Client(address) as client,
        pytest.raises(UnexpectedAnswer, match=r"status 502.*Bad gateway"),
    ):
        client.check_liveness()


def test_an_answer_that_lacks_a_field_is_named_and_one_more_is_passed_over() -> None:
    more: Planned = (200, {}, b'{"status": "alive", "mood": "good"}')
    with serving(more, (200, {}, b"{}")) as (_, address), Client(address) as client:
        assert client.check_liveness().status == "alive"
        with pytest.raises(UnexpectedAnswer, match="status"):
            client.check_liveness()
