"""A hub for tests: a folder behind a real HTTP server on loopback, which can misbehave."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

from soundalike.embedders.mert.published import PublishedWeights

TINY = Path(__file__).with_name("fixtures") / "mert-v1-tiny"
BINARY = (TINY / "pytorch_model.bin").read_bytes()
DESCRIPTIONS = ["config.json", "preprocessor_config.json"]

# As what the tests' hub has it: a real model's name, a revision of nothing.
MODEL = "mert-v1-95m"
PUBLISHED_TINY = PublishedWeights(
    repository="m-a-p/MERT-v1-95M",
    revision="fedcba9876543210" + 24 * "0",
    sha256=hashlib.sha256(BINARY).hexdigest(),
    size=len(BINARY),
)


class Hub:
    """Serves a folder's files at any path that ends with their names; notes what it is asked."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[tuple[str, str | None]] = []  # path and Range of each request
        self.contents: dict[str, bytes] = {}  # sent instead of a file
        self.statuses: dict[str, int] = {}  # sent instead of a file
        self.breaks_after: int | None = None  # bytes of a body, after which it hangs up,
        self.hangs_up = Event()  # unless this is cleared: then it says nothing more
        self.hangs_up.set()
        self.elsewhere: str | None = None  # where its large files are, as the real hub's
        self.knows_ranges = True

    def content(self, name: str) -> bytes:
        return self.contents.get(name) or (self.folder / name).read_bytes()


class Handler(BaseHTTPRequestHandler):
    hub: ClassVar[Hub]

    def do_GET(self) -> None:
        name, wanted = self.path.rpartition("/")[2], self.headers["Range"]
        self.hub.asked.append((self.path, wanted))
        if status := self.hub.statuses.get(name):
            self.send_error(status)
            return
        if self.hub.elsewhere and name.endswith(".bin"):
            self.send_response(302)
            self.send_header("Location", f"{self.hub.elsewhere}/signed/{name}")
            self.end_headers()
            return
        content = self.hub.content(name)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and self.hub.knows_ranges:
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            content = content[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.hub.breaks_after])
        self.hub.hangs_up.wait()

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at `asked` instead."""


@contextmanager
def serve(folder: Path) -> Iterator[Hub]:
    handler = type("HubHandler", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.hub = Hub(folder, server.server_address[1])
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield handler.hub
        finally:
            handler.hub.hangs_up.set()
            server.shutdown()
            thread.join()
