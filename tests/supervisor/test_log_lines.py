"""Lines of logs must be readable for people, whoever wrote them and whatever is in them."""

import json

from soundalike.supervisor.log_lines import read_line

REQUEST = {
    "event": "request",
    "path": "/v1/tracks",
    "status": 200,
    "level": "warning",
    "logger": "serving.middleware",
    "timestamp": "2026-11-28T21:19:24.941390Z",
}
RUN = (
    "\x1b[32m2026-11-28 21:19:24 +0000\x1b[0m - dagster - \x1b[34mERROR\x1b[0m - scan - 17ab - boom"
)


def test_json_is_rendered_with_its_fields() -> None:
    line = read_line(json.dumps(REQUEST))
    assert line.is_problem
    shown = line.rendered(colours=False)
    assert "request" in shown
    assert "path=/v1/tracks" in shown
    assert "[serving.middleware]" in shown
    assert "{" not in shown


def test_a_line_of_a_run_has_its_time_and_level_whatever_its_colours() -> None:
    line = read_line(RUN)
    assert line.at is not None
    assert (line.level, line.text) == ("error", "scan - 17ab - boom")
    assert (line.is_problem, line.fields) == (True, {"logger": "dagster"})
    assert not read_line(RUN.replace("ERROR", "INFO")).is_problem
    assert line.at.isoformat() == "2026-11-28T21:19:24+00:00"


def test_what_is_no_event_is_text() -> None:
    for text in ("", "{", "[1]", '{"event": 3}', '{"timestamp": 1, "event": "x", "level": "info"}'):
        assert read_line(text).rendered(colours=False) == text


def test_no_line_controls_the_terminal() -> None:
    hostile = {**REQUEST, "event": "\x1b]0;title\x07", "path": "a\x1b[2Jb"}
    shown = read_line(json.dumps(hostile)).rendered(colours=False) + read_line("\x07x").rendered(
        colours=False
    )
    assert "\x1b" not in shown
    assert "\x07" not in shown
