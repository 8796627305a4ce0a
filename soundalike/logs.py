"""Structured logs of this project and of its libraries: JSON, or lines for a terminal.

A record's message is a sentence, so that any handler can show it (Dagster's does, in the run's
event log); its fields travel beside it, and the handler that is configured here writes those.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FIELDS = "soundalike_fields"  # the attribute of a record that has its fields
TOLD_OTHERWISE = frozenset(
    (
        *("event", "message", "level", "logger", "timestamp", "exc_info", "exception"),
        *("stage", "batch", "run_id"),
    )
)


def configure_logs(level: str, *, json: bool) -> None:
    """Send structlog and the standard library's loggers to standard error, in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if json else structlog.processors.StackInfoRenderer(),
    ]
    last = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)  # a logger that Dagster manages has a level of its own
    handler.setFormatter(
        _FieldsFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it logs each CPU variant it tries
    structlog.configure(
        processors=[*shared, _as_record],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def sentence(fields: Mapping[str, Any]) -> str:
    """Return an event for people: its `message`, or else its name and what belongs to it."""
    told = str(fields.get("message") or fields["event"])
    if "message" not in fields:
        told += "".join(f" {key}={fields[key]!r}" for key in fields if key not in TOLD_OTHERWISE)
    if "stage" in fields and "batch" in fields:
        return f"{fields['stage']} of {fields['batch']}: {told}"
    return told


def _as_record(
    logger: WrappedLogger, name: str, fields: EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    """Make the arguments of a standard logger's method, the last of structlog's processors."""
    return (sentence(fields),), {"extra": {FIELDS: fields, "_logger": logger, "_name": name}}


class _FieldsFormatter(structlog.stdlib.ProcessorFormatter):
    """A formatter that writes a record's fields, whatever other handlers made of its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        fields = getattr(record, FIELDS, None)
        if fields is not None:
            record = logging.makeLogRecord(record.__dict__ | {"msg": fields, "args": ()})
        return super().format(record)


def take_over_uvicorn_logs() -> None:
    """Send uvicorn's log lines through the root handler, without its own access log."""
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)  # the root's, whatever `--log-level` uvicorn was given
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
