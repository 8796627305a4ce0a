"""When a run is due: by what is wanted, what the last run did, and what was repaired since."""

import datetime as dt

import dagster as dg

from pipelines.attempts import Decision, Note, Run, WorkState, decide
from pipelines.notes import Notes

NOW = dt.datetime(2026, 1, 2, 15, 40, tzinfo=dt.UTC)
STATE = WorkState("embed 3 tracks", "a full disk")
FAILED, CANCELED, SUCCESS = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.SUCCESS,
)
SECOND = dt.timedelta(seconds=1)


def ended(status: dg.DagsterRunStatus, name: str = "3fbb667c-and-more") -> Run:
    return Run(name, status, NOW)


def after(
    run: Run, note: Note | None, wait: dt.timedelta = SECOND, state: WorkState = STATE
) -> Decision:
    return decide(state, run, note, NOW + wait)


def test_work_that_never_ran_is_due() -> None:
    assert decide(STATE, None, None, NOW).request


def test_work_under_way_is_not_asked_for_again() -> None:
    running = Run("3fbb667c", dg.DagsterRunStatus.STARTED, None)
    decision = decide(STATE, running, Note("", *STATE), NOW)
    assert not decision.request
    assert decision.reason == "run 3fbb667c is under way"


def test_a_failure_of_a_time_to_come_is_repeated_now() -> None:
    """The clock was ahead as the run failed, and was set back."""
    assert not after(ended(FAILED), None).request
    assert after(ended(FAILED), None, -SECOND).request


def test_a_failure_is_repeated_after_waits_that_grow_and_the_last_one_is_kept() -> None:
    note: Note | None = None
    hour, day = 3600, 86_400
    for number, seconds in enumerate([30, 300, 1200, 4800, 16 * hour // 3, day, day]):
        delay = dt.timedelta(seconds=seconds)
        run = ended(FAILED, f"run {number}")
        early = after(run, note, delay - SECOND)
        assert not early.request
        due = after(run, early.note, delay)
        assert due.request, delay
        note = due.note


def test_a_tick_that_waits_says_since_when_of_which_run_and_until_when() -> None:
    decision = after(ended(FAILED), None)
    assert decision.reason == ("failed at 15:40:00 UTC, run 3fbb667c; next try at 15:40:30 UTC")


def test_a_repair_is_noticed_at_once_however_long_the_wait() -> None:
    waiting = after(ended(FAILED), Note("", *STATE, failures=5))
    assert not waiting.request
    repaired = after(ended(FAILED), waiting.note, state=STATE._replace(conditions="room"))
    assert repaired.request
    assert "repaired" in repaired.reason


def test_a_repair_that_does_not_help_makes_the_wait_no_shorter() -> None:
    waiting = after(ended(FAILED), Note("", *STATE, failures=2))
    room = STATE._replace(conditions="room")
    again = after(ended(FAILED), waiting.note, state=room)
    failed = after(ended(FAILED, "second"), again.note, state=room)
    assert failed.note.failures == 4


def test_what_is_wanted_has_changed_so_it_is_due_at_once_with_the_first_wait() -> None:
    waiting = after(ended(FAILED), Note("", *STATE, failures=5))
    changed = after(ended(FAILED), waiting.note, state=STATE._replace(wanted="embed 4 tracks"))
    assert changed.request
    assert changed.note.failures == 0


def test_the_first_failure_of_work_that_changed_during_the_run_has_the_first_wait() -> None:
    other = STATE._replace(wanted="embed 4 tracks")
    asked_for_before = Note("", *STATE, failures=5, asked=True)
    failed = after(ended(FAILED), asked_for_before, state=other)
    assert failed.note.failures == 1
    assert "next try at 15:40:30 UTC" in failed.reason


def test_a_cancelled_run_stays_cancelled_whatever_is_repaired() -> None:
    decision = after(ended(CANCELED), Note("", *STATE))
    for state in (STATE, STATE._replace(conditions="room")):
        decision = after(ended(CANCELED), decision.note, dt.timedelta(days=30), state)
        assert not decision.request
    assert "cancelled at 15:40:00 UTC, run 3fbb667c" in decision.reason
    assert after(ended(CANCELED), decision.note, state=STATE._replace(wanted="more")).request


def test_a_run_that_was_cancelled_before_any_tick_saw_it_stays_cancelled() -> None:
    assert not after(ended(CANCELED), None, dt.timedelta(days=1)).request


def test_a_success_that_left_the_work_as_it_was_is_no_reason_to_run_at_every_tick() -> None:
    asked = decide(STATE, None, None, NOW).note
    waiting = after(ended(SUCCESS), asked)
    assert not waiting.request
    assert "ended with work left" in waiting.reason
    assert after(ended(SUCCESS), waiting.note, dt.timedelta(seconds=30)).request


def test_a_success_followed_by_new_work_is_due_at_once() -> None:
    asked = decide(STATE, None, None, NOW).note
    assert after(ended(SUCCESS), asked, state=STATE._replace(wanted="a retry is due")).request
    assert after(ended(SUCCESS), None).request


def test_a_request_that_became_no_run_is_made_again() -> None:
    again = after(ended(SUCCESS), after(ended(SUCCESS), None).note)
    assert again.request
    assert "became no run" in again.reason


def test_a_cursor_is_read_as_it_was_written_and_any_other_counts_as_empty() -> None:
    notes = Notes({"b000001": Note("run", "wanted", "conditions", 2)}, {"raw_audio": 1.5})
    assert Notes.read(notes.text()) == notes
    for odd in (None, "", "words", "[]", '{"runs": {"b": 1}, "wiped": {}}', '{"runs": []}'):
        assert Notes.read(odd) == Notes()
