"""Attempts: what became of the last run of a piece of work, and whether it is time for another.

The decision is a pure function of the work's state, its last run and what a sensor noted of that
run. No run key takes part in it, so a request that Dagster has seen never hides a wanted run.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import dagster as dg

# The first wait is short, as most people who repair something do it while they watch. The others
# grow as those of failed files do (soundalike/catalog/failures.py); the last one is repeated.
RETRY_DELAYS = (
    dt.timedelta(seconds=30),
    *(dt.timedelta(minutes=minutes) for minutes in (5, 20, 80, 320, 1440)),
)


@dataclass(frozen=True)
class Run:
    """The last run of a piece of work; `ended_at` is None while it is not finished."""

    id: str
    status: dg.DagsterRunStatus
    ended_at: dt.datetime | None

    @property
    def named(self) -> str:
        """The run as people find it in the UI: by the start of its id."""
        return f"run {self.id[:8]}"


class WorkState(NamedTuple):
    """The work that is wanted and the conditions of doing it, as texts to compare.

    `wanted` changes with the library. `conditions` change when somebody repairs something: room on
    the disk, the model's weights, the files that are read.
    """

    wanted: str
    conditions: str


class Note(NamedTuple):
    """A sensor's note of a run (by id), made when it first saw that it had ended, or asked for one.

    `failures` counts runs in a row that did not do what was wanted. `asked`: another run was asked
    for after this one.
    """

    run: str
    wanted: str
    conditions: str
    failures: int = 0
    asked: bool = False


@dataclass(frozen=True)
class Decision:
    """The decision to request a run now or not, and why. `note` is to be kept for the next tick."""

    request: bool
    reason: str
    note: Note


def decide(state: WorkState, run: Run | None, note: Note | None, now: dt.datetime) -> Decision:
    """Decide from the state, the last run, and the note of it, whether a run is due.

    A failed run is repeated after a growing delay, or at once when what is wanted or a condition
    has changed. A cancelled run is repeated only when what is wanted has changed.
    """
    if run is None:
        return Decision(True, "it never ran", Note("", *state, asked=True))
    if run.ended_at is None:
        return Decision(False, f"{run.named} is under way", note or Note("", *state))
    if note is None or note.run != run.id:
        note = _noted(state, run, note)
    due = run.ended_at + RETRY_DELAYS[max(0, min(note.failures, len(RETRY_DELAYS)) - 1)]
    set_back = run.ended_at > now  # the clock was ahead as it ended
    reason = _reason_to_run(state, run, note, is_due=set_back or now >= due)
    if reason:
        failures = note.failures if note.wanted == state.wanted else 0
        return Decision(True, reason, Note(run.id, *state, failures, asked=True))
    return Decision(False, _reason_to_wait(run, due), note)


def _reason_to_run(state: WorkState, run: Run, note: Note, *, is_due: bool) -> str | None:
    canceled = run.status is dg.DagsterRunStatus.CANCELED
    if note.asked:
        return "the last request became no run"
    if note.wanted != state.wanted or not (note.failures or canceled):
        return "something changed since its last run"
    if canceled:
        return None
    if note.conditions != state.conditions:
        return f"something was repaired since {run.named} failed"
    return f"{run.named} failed; this is the next try" if is_due else None


def _reason_to_wait(run: Run, due: dt.datetime) -> str:
    ended = f"{run.ended_at:%H:%M:%S} UTC, {run.named}"
    if run.status is dg.DagsterRunStatus.CANCELED:
        return (
            f"cancelled at {ended}; it is left alone until something changes, or until somebody "
            "launches it"
        )
    failed = run.status is dg.DagsterRunStatus.FAILURE
    what = "failed" if failed else "ended with work left"
    return f"{what} at {ended}; next try at {due:%H:%M:%S} UTC"


def _noted(state: WorkState, run: Run, before: Note | None) -> Note:
    """Note that a run has ended; one that left the work as it was counts as failed."""
    failures = before.failures if before and before.wanted == state.wanted else 0
    unchanged = before is not None and before.wanted == state.wanted
    if run.status is dg.DagsterRunStatus.FAILURE or unchanged:
        failures += 1
    return Note(run.id, *state, failures)
