"""A collector of OpenTelemetry's spans, on loopback."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from soundalike.tracing import ENDPOINT


@dataclass
class Span:
    name: str
    id: bytes
    parent: bytes
    trace: str
    attributes: dict[str, str]
    service: str


@dataclass
class Collector:
    """An OpenTelemetry collector that keeps what it is sent."""

    url: str
    spans: list[Span] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process sends its spans here."""
        return {
            ENDPOINT: self.url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "NO_PROXY": "127.0.0.1",
        }

    def keep(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            ]
            for scope in resource.scope_spans:
                for each in scope.spans:
                    told = {a.key: a.value.string_value for a in each.attributes}
                    self.spans.append(
                        Span(
                            *(each.name, each.span_id, each.parent_span_id),
                            *(each.trace_id.hex(), told, service),
                        )
                    )

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def children(self, parent: Span) -> list[str]:
        return sorted({span.name for span in self.spans if span.parent == parent.id})


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.keep(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()
