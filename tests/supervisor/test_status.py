"""The status on a terminal must say what is served, what goes on, and the last problem."""

import json
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path

from rich.console import Console
from sqlalchemy.exc import OperationalError

from soundalike.catalog.activity import Activity, activity
from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.engine import Sessions
from soundalike.supervisor.log_lines import read_line
from soundalike.supervisor.status import Link, LiveStatus
from tests.library import Library

LINK = Link("API", "http://127.0.0.1:1/docs", "127.0.0.1", 1)
IDLE = Activity(version="ab12", tracks=4, at_work=[], waiting=0, failures=0)


def shown(status: LiveStatus) -> str:
    console = Console(file=StringIO(), width=100)
    console.print(status.table())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return " ".join(str(text).split())


def status_of(now: Activity) -> LiveStatus:
    return LiveStatus(Console(file=StringIO()), [LINK], lambda: now, Path("/data/logs"))


def test_an_idle_library_and_one_at_work() -> None:
    idle = shown(status_of(IDLE))
    assert "served 4 tracks, index ab12" in idle
    assert "everything is ingested" in idle
    assert "problem" not in idle
    assert "http://127.0.0.1:1/docs (starting)" in idle
    busy = Activity(version="", tracks=0, at_work=["b000001"], waiting=2, failures=3)
    assert "no index; 3 failures (soundalike failures)" in shown(status_of(busy))
    assert "working on b000001; 2 batches waiting" in shown(status_of(busy))


def test_a_few_batches_are_named_and_more_are_dots() -> None:
    four = [f"b{number}" for number in range(4)]
    busy = Activity(version="", tracks=0, at_work=four, waiting=0, failures=0)
    assert "working on b0, b1, b2, b3; 0 batches waiting" in shown(status_of(busy))
    more = replace(busy, at_work=[*four, "b4"], waiting=1)
    assert "working on b0, b1, b2, b3 ...; 1 batch waiting" in shown(status_of(more))


def test_a_problem_has_the_time_of_its_line_and_is_cut() -> None:
    status = status_of(IDLE)
    at = "2026-11-28T21:19:24+00:00"
    status.note(read_line(json.dumps({"event": "x" * 999, "level": "warning", "timestamp": at})))
    told = f"last problem {datetime.fromisoformat(at).astimezone():%H:%M:%S} x"
    assert told in shown(status)
    assert shown(status).count("x") < 400


def test_the_last_problem_is_shown_until_another_one_comes() -> None:
    status = status_of(IDLE)
    for level, event in (("error", "[bad]\x1b\nsecond line"), ("info", "fine")):
        line = {"event": event, "level": level, "timestamp": "2026-11-28T21:19:24Z"}
        status.note(read_line(json.dumps(line)))
    assert "[bad]\\x1b logs" in shown(status)
    status.report("[bold]x[/bold]\x1b[2J")
    assert "[bold]x[/bold]\\x1b[2J" in shown(status)


def test_a_catalog_that_does_not_answer_is_a_problem_and_not_the_end() -> None:
    def fails() -> Activity:
        raise OperationalError("select", None, Exception("connection refused"))

    status = LiveStatus(Console(file=StringIO()), [LINK], fails, Path("/data/logs"))
    assert "connection refused" in shown(status)


def test_activity_is_that_of_the_catalog(library: Library, sessions: Sessions) -> None:
    (library.music / "one.mp3").write_bytes(b"not audio, and a file all the same")
    library.scan()
    space = "none"
    with sessions() as session:
        assert activity(session, space) == Activity("", 0, [], 1, 0)
    with batch_lock(sessions, 1), sessions() as session:
        assert activity(session, space) == Activity("", 0, ["b000001"], 0, 0)
