"""Raw connections to the real server: slow, half, too many and too large ones keep nobody out."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.limits import MAX_HEADER_BYTES, MAX_UPLOAD_BYTES
from serving.problems import PROBLEM_TYPES, URN
from serving.schemas.problems import ProblemDetails
from soundalike.settings import Settings
from tests.patience import PATIENCE

COMMANDS = {
    "our own": [sys.executable, "-P", "-m", "serving"],
    "gunicorn": [
        *(sys.executable, "-P", "-m", "gunicorn", "serving.app:create_app()"),
        *("-k", "serving.gunicorn_worker.BoundedWorker", "--graceful-timeout", "5"),
    ],
}
SHORT = (
    "import serving.limits as limits\n"
    "limits.HEADER_SECONDS = limits.BODY_GRACE_SECONDS = limits.WRITE_SECONDS = 0.5\n"
    "limits.MAX_CONNECTIONS = 20\n"
)


class Running:
    """A server process, its port, and raw connections to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, stack: ExitStack) -> None:
        self.process, self.port, self._stack = process, port, stack

    def connect(self, data: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
        client = self._stack.enter_context(socket.socket())
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", self.port))
        client.sendall(data)
        return client

    def is_alive(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/health/live", timeout=PATIENCE)
        except httpx.TransportError:
            return False
        return answer.is_success

    def stop(self, sent: signal.Signals) -> int:
        self.process.send_signal(sent)
        return self.process.wait(PATIENCE)


@pytest.fixture(params=COMMANDS)
def server(
    request: pytest.FixtureRequest, settings: Settings, free_port: int, tmp_path: Path
) -> Iterator[Running]:
    """The server with short deadlines and few connections: its processes run `sitecustomize`."""
    (tmp_path / "sitecustomize.py").write_text(SHORT)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}",
        "DATABASE_URL": str(settings.database_url),
        "SOUNDALIKE_DATA": str(settings.data),
        "SOUNDALIKE_PORT": str(free_port),
        "SOUNDALIKE_WORKERS": "1",
    }
    command = COMMANDS[request.param]
    if request.param == "gunicorn":
        command = [*command, "-b", f"127.0.0.1:{free_port}"]
    with ExitStack() as stack, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        running = Running(process, free_port, stack)
        try:
            while not running.is_alive():
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.05)
            yield running
        finally:
            process.kill()
            process.wait()


def status_of(client: socket.socket) -> int:
    """The answer's status; 0 for a connection that ends without one."""
    answer = b""
    try:
        while b"\r\n\r\n" not in answer and (data := client.recv(65536)):
            answer += data
    except ConnectionResetError:
        return 0
    return int(answer.split()[1]) if answer else 0


def refusal(client: socket.socket) -> dict[str, str]:
    """The problem that a connection ends with, as the API's own are."""
    answer = b""
    while data := client.recv(65536):
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    problem = ProblemDetails.model_validate_json(body)
    kind = problem.type.removeprefix(URN)
    assert PROBLEM_TYPES[kind].status == problem.status == int(answer.split()[1])
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem.correlation_id
    return {"kind": kind, **headers}


def refusals(server: Running) -> dict[str, int]:
    """The number of refused connections, by reason."""
    text = httpx.get(f"http://127.0.0.1:{server.port}/metrics", timeout=PATIENCE).text
    samples = [each for metric in text_string_to_metric_families(text) for each in metric.samples]
    name = "soundalike_refused_connections_total"
    return {each.labels["reason"]: int(each.value) for each in samples if each.name == name}


HEAD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPLOAD = b"POST /v1/search/audio HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SEARCH = b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def test_connections_are_bounded_and_nothing_is_left_at_the_end(server: Running) -> None:
    half = [server.connect(HEAD) for _ in range(60)]
    assert server.is_alive(), "the oldest half request makes room"
    half += [server.connect(SEARCH + b"Content-Length: 100\r\n\r\n{") for _ in range(60)]
    assert server.is_alive()
    late = server.connect(HEAD)
    assert refusal(late)["kind"] == "request-too-slow"
    assert status_of(server.connect(SEARCH + b"Content-Length: 9\r\n\r\n{")) == 408
    too_long = server.connect(HEAD + b"X-A: " + b"a" * MAX_HEADER_BYTES)
    assert refusal(too_long)["kind"] == "headers-too-large"
    many = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(40))
    assert status_of(server.connect(HEAD + many + b"\r\n")) == 431
    assert refusal(server.connect(b"nonsense\r\n\r\n"))["kind"] == "malformed-request"
    trailer = b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
    assert status_of(server.connect(SEARCH + trailer + b"X-A: " + b"a" * 2**20)) in (0, 431)
    declared = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (MAX_UPLOAD_BYTES + 1)
    assert status_of(server.connect(UPLOAD + declared)) == 413, "before `100 Continue`"
    answer = httpx.get(f"http://127.0.0.1:{server.port}/health/live", timeout=PATIENCE)
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    blank = server.connect(HEAD + b"\r\n")
    assert status_of(blank) == 200
    blank.sendall(b"\r\n")
    assert status_of(blank) in (0, 408), "a kept connection that says nothing is not kept"
    for _ in range(10):
        half.append(server.connect(HEAD))
        half.append(server.connect(UPLOAD + b"Content-Length: 100\r\n\r\n{"))
    assert server.stop(signal.SIGTERM) in (0, -signal.SIGTERM), "whatever waits"


@pytest.mark.slow
def test_refused_connections_are_counted_by_reason(server: Running) -> None:
    slow = SEARCH + b"Content-Length: 9\r\n\r\n{"
    whole = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    sent: dict[str, list[bytes]] = {
        "malformed-request": [b"nonsense\r\n\r\n"],
        "request-too-slow": [HEAD, slow],
        "headers-too-large": [HEAD + b"X-A: " + b"a" * MAX_HEADER_BYTES],
        "idle": [b""],
        "answer-not-read": [10 * whole],
    }
    assert refusals(server) == dict.fromkeys([*sent, "too-many-connections", "stopping"], 0)
    for data in (data for each in sent.values() for data in each):
        server.connect(data, receive_buffer=4096)
    expected = {reason: len(each) for reason, each in sent.items()}
    deadline = time.monotonic() + PATIENCE
    while (found := refusals(server)) != expected | {"too-many-connections": 0, "stopping": 0}:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    for _ in range(30):
        server.connect(HEAD)
    assert refusals(server)["too-many-connections"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "uvicorn", "serving.app:create_app", "--factory", "--port"],
        [sys.executable, "-m", "gunicorn", "serving.app:create_app()", "-k", "asgi", "-b"],
    ],
    ids=["uvicorn", "gunicorn"],
)
@pytest.mark.parametrize("catalog", ["without keys", "out of reach"])
def test_an_open_socket_without_a_key_serves_nobody_beyond_loopback(
    catalog: str, command: list[str], offline: Settings, database_url: str, free_port: int
) -> None:
    """The settings say loopback, and another server's options say otherwise."""
    is_read = catalog == "without keys"
    open_at = [f"0.0.0.0:{free_port}"] if "-b" in command else [str(free_port), "--host", "0.0.0.0"]
    environment = {
        **os.environ,
        "DATABASE_URL": database_url if is_read else "postgresql://soundalike@127.0.0.1:1/none",
        "SOUNDALIKE_DATA": str(offline.data),
    }
    all_addresses = [a for each in psutil.net_if_addrs().values() for a in each]
    others = [a.address for a in all_addresses if a.family == socket.AF_INET]
    address = next((a for a in others if not a.startswith("127.")), None)
    if address is None:
        pytest.skip("this machine has no other address")
    with subprocess.Popen([*command, *open_at], env=environment) as process:
        try:
            running = Running(process, free_port, ExitStack())
            while not running.is_alive():
                assert process.poll() is None
                time.sleep(0.05)
            answer = httpx.get(f"http://{address}:{free_port}/v1/index", timeout=PATIENCE)
            assert answer.status_code == (403 if is_read else 503)
            assert ("SOUNDALIKE_API_KEY" in answer.json()["detail"]) == is_read
        finally:
            process.terminate()
