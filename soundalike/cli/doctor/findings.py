"""Findings of `soundalike doctor`, and what its checks examine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from soundalike.catalog.engine import Sessions
from soundalike.errors import SoundalikeError
from soundalike.settings import Settings


@dataclass(frozen=True)
class Finding:
    """The state of one subject. `advice` is empty if nothing needs to be done."""

    subject: str
    state: str
    advice: str = ""


@dataclass(frozen=True)
class Examined:
    """The settings that are checked, with the library's values, and the library if it exists."""

    settings: Settings
    sessions: Sessions | None = None


Check = Callable[[Examined], Iterator[Finding]]


def problem(subject: str, error: Exception) -> Finding:
    """Make a finding of an error: its first line, and the others as advice."""
    summary, _, advice = str(error).partition("\n")
    return Finding(subject, summary, advice or "fix this, then run doctor again")


def findings_of(check: Check, examined: Examined) -> list[Finding]:
    """Run a check; an error becomes a finding, so that it does not hide the others."""
    findings: list[Finding] = []
    try:
        findings.extend(check(examined))
    except (SoundalikeError, OSError) as error:
        findings.append(problem(check.__name__, error))
    return findings
