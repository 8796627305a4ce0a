"""Lines of log files: read as events, and rendered for people."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from soundalike.display_text import printable

PROBLEMS = frozenset(("warning", "error", "critical"))
# The console logger of Dagster's runs: time - "dagster" - level - job - run - message.
RUN_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) - ([\w.-]+) - ([A-Z]+) - (.*)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class LogLine:
    """An event of a log, with its fields. `at` is in UTC, and None for a line of plain text."""

    at: datetime | None
    level: str
    text: str
    fields: dict[str, Any]

    @property
    def is_problem(self) -> bool:
        """Return whether it is a warning or worse."""
        return self.level in PROBLEMS

    def rendered(self, *, colours: bool) -> str:
        """Return the line for people: time, level, event, logger, fields."""
        if self.at is None:
            return printable(self.text)
        event = {
            **{name: _shown(value) for name, value in self.fields.items()},
            "timestamp": f"{self.at.astimezone():%Y-%m-%d %H:%M:%S}",
            "level": self.level,
            "event": printable(self.text),
        }
        return str(structlog.dev.ConsoleRenderer(colors=colours)(None, "", event))


def read_line(line: str) -> LogLine:
    """Read a line: JSON as structlog writes it, a line of a Dagster run, or any text."""
    plain = COLOURS.sub("", line)
    if plain.startswith("{"):
        try:
            fields = dict(json.loads(plain))
            at = datetime.fromisoformat(fields.pop("timestamp")).astimezone(UTC)
            return LogLine(at, str(fields.pop("level")), str(fields.pop("event")), fields)
        except (ValueError, KeyError, TypeError):
            return LogLine(None, "", plain, {})
    if match := RUN_LINE.match(plain):
        time, logger, level, text = match.groups()
        at = datetime.strptime(time, "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
        return LogLine(at, level.lower(), text, {"logger": logger})
    return LogLine(None, "", plain, {})


def _shown(value: object) -> object:
    """Texts of any origin keep their lines, and lose their control characters."""
    if isinstance(value, str):
        return "\n".join(map(printable, value.splitlines()))
    return value
