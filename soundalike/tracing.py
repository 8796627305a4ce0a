"""Traces of requests and runs, as spans of OpenTelemetry: off unless an endpoint is set.

OTEL_EXPORTER_OTLP_ENDPOINT, and OpenTelemetry's other variables, say where spans are sent and which
of them (OTEL_TRACES_SAMPLER). The packages are the extra `otel`. While tracing is off a span is one
shared object that does nothing, no statement is listened to, and no package of it is imported here.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Engine, event

from soundalike.errors import SettingsError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_MS = 3000  # for the last spans to be sent when a process ends
OFF: AbstractContextManager[Any] = nullcontext()

_tracer: Any = None


def is_wanted() -> bool:
    """Return whether the environment names an endpoint that spans are sent to."""
    return bool(os.environ.get(ENDPOINT))


@contextmanager
def tracing(service: str) -> Iterator[None]:
    """Record spans within the block, and send them as those of a service, if that is wanted.

    Raises SettingsError if the packages are missing.
    """
    global _tracer  # noqa: PLW0603 - one a process, as OpenTelemetry's own provider is
    if not is_wanted():
        yield
        return
    provider, processor = _provider(service)
    before, _tracer = _tracer, provider.get_tracer("soundalike")
    try:
        yield
    finally:
        _tracer = before
        processor.force_flush(FLUSH_MS)
        provider.shutdown()


def span(name: str, **attributes: str | int) -> AbstractContextManager[Any]:
    """Open a span for as long as a block lasts; the spans within it are its children."""
    if _tracer is None:
        return OFF
    spelt = {f"soundalike.{key}": value for key, value in attributes.items()}
    opened: AbstractContextManager[Any] = _tracer.start_as_current_span(name, attributes=spelt)
    return opened


def request_span(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """Open the span of an HTTP request, within its client's trace if `traceparent` names one."""
    if _tracer is None:
        return OFF
    from opentelemetry import propagate, trace  # noqa: PLC0415 - only where tracing is on

    opened: AbstractContextManager[Any] = _tracer.start_as_current_span(
        method,
        context=propagate.extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": method},
    )
    return opened


def trace_statements(engine: Engine) -> None:
    """Open a span for each statement of an engine, with its text and without its values."""
    if _tracer is None:
        return
    tracer = _tracer

    @event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: Any, _cursor: Any, statement: str, *others: Any) -> None:  # noqa: ANN401
        name = f"SQL {statement.split(maxsplit=1)[0].upper()}"
        attributes = {"db.system.name": "postgresql", "db.query.text": statement}
        others[1].soundalike_span = tracer.start_span(name, attributes=attributes)

    @event.listens_for(engine, "after_cursor_execute")
    def end(*arguments: Any) -> None:  # noqa: ANN401
        arguments[4].soundalike_span.end()

    @event.listens_for(engine, "handle_error")
    def fail(failure: Any) -> None:  # noqa: ANN401
        opened = getattr(failure.execution_context, "soundalike_span", None)
        if opened is not None:
            opened.record_exception(failure.original_exception)
            opened.end()


def _provider(service: str) -> Any:  # noqa: ANN401 - the packages may be missing
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"{ENDPOINT} is set, and traces need other packages: pip install 'soundalike[otel]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    return provider, processor
