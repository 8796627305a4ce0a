"""A run's log must tell what the run does: failed files, progress, what each stage did."""

import json
import logging
import re
from collections.abc import Iterator

import dagster as dg
import pytest
import structlog
import yaml

from pipelines.resources import RESOURCES
from soundalike.logs import configure_logs, sentence
from soundalike.progress import LoggedProgress, about
from tests.pipelines.conftest import Orchestra
from tests.sounds import song
from tests.source import REPOSITORY

PYTHON_LOGS = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())["python_logs"]


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """What a test configures is of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def logging_run(orchestra: Orchestra) -> Iterator[Orchestra]:
    """An instance that manages loggers as dagster.yaml says, and the resources that log."""
    with dg.instance_for_test({"python_logs": PYTHON_LOGS}) as instance:
        orchestra.instance = instance
        for name in ("progress", "reports"):
            orchestra.resources[name] = RESOURCES[name]
        yield orchestra


def messages(orchestra: Orchestra, run_id: str) -> list[tuple[int, str]]:
    """What the run's event log has beside Dagster's own events."""
    records = orchestra.instance.get_records_for_run(run_id).records
    entries = [record.event_log_entry for record in records]
    return [(entry.level, entry.user_message) for entry in entries if not entry.dagster_event]


def fill(orchestra: Orchestra) -> None:
    for seed in range(4):
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)
    (orchestra.music / "words.mp3").write_text("words")
    (orchestra.music / "two\nlines.flac").write_bytes(b"")


@pytest.mark.slow
def test_failed_files_progress_and_results_are_among_the_runs_events(
    logging_run: Orchestra, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(logging_run)
    scan = logging_run.run("scan")
    [(_, told)] = messages(logging_run, scan.run_id)
    assert told == (
        "library: 6 music files, 6 new, 0 changed, 0 outdated, 0 returned, 0 removed; "
        "batches b000001"
    )
    logging_run.instance.add_dynamic_partitions("batch", ["b000001"])
    run = logging_run.run("ingest_batch", partition_key="b000001")
    assert run.success
    lines = messages(logging_run, run.run_id)
    warnings = sorted(text for level, text in lines if level == logging.WARNING)
    assert len(warnings) == 2, "a line for each failed file"
    assert warnings[0].startswith("raw_audio of b000001: two\\x0alines.flac failed (empty): ")
    assert warnings[1].startswith("raw_audio of b000001: words.mp3 failed (not_audio): ")
    texts = [text for _, text in lines]
    halves = [text for text in texts if text.startswith("embeddings of b000001: 2 of 4 tracks, ")]
    assert len(halves) == 1
    assert re.search(r"2 of 4 tracks, [\d.e+]+ x real time, about \d+ (s|min) left$", halves[0])
    assert any(text.startswith("resampled_audio of b000001: 4 done (0 before)") for text in texts)
    by_run = [json.loads(line) for line in json_lines(capfd.readouterr().err)]
    failed = [line for line in by_run if line["event"] == "file.failed"]
    assert {line["code"] for line in failed} == {"empty", "not_audio"}
    assert {(line["run_id"], line["batch"], line["stage"]) for line in failed} == {
        (run.run_id, "b000001", "raw_audio")
    }


def json_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_an_error_is_a_line_of_the_run_too(logging_run: Orchestra) -> None:
    fill(logging_run)
    assert logging_run.run("scan").success
    logging_run.instance.add_dynamic_partitions("batch", ["b000001"])
    only = [dg.AssetKey("embeddings")]
    run = logging_run.run("ingest_batch", partition_key="b000001", asset_selection=only)
    errors = [text for level, text in messages(logging_run, run.run_id) if level == logging.ERROR]
    assert errors[0] == (
        "batch b000001: 6 files are not read yet; materialise raw_audio of it first"
    )


class Clock:
    """A clock that goes on by `step` seconds each time that it is looked at."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


class Kept(logging.Handler):
    """Keeps the messages that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def progress_of(total: int, step: float, seconds: float = 0.0) -> list[str]:
    configure_logs("INFO", json=True)
    kept, progress = Kept(), LoggedProgress(Clock(step))
    logging.getLogger().addHandler(kept)
    tracked = progress.track(range(total), "embeddings", total, lambda _: seconds)
    assert list(tracked) == list(range(total)), "all pass"
    return kept.messages


def test_progress_is_told_at_each_quarter_and_each_minute_and_not_more_often() -> None:
    quick = progress_of(256, 0.1)
    quarters = ["64 of 256 tracks", "128 of 256 tracks", "192 of 256 tracks"]
    assert [text.partition(",")[0] for text in quick] == quarters
    slow = progress_of(8, 45.0)
    assert [text.partition(",")[0] for text in slow] == [
        "2 of 8 tracks",
        "4 of 8 tracks",
        "6 of 8 tracks",
    ]
    slower = progress_of(8, 61.0)
    assert len(slower) == 7
    assert progress_of(1, 1.0) == progress_of(0, 1.0) == []


def test_progress_tells_the_speed_and_what_is_left() -> None:
    assert progress_of(4, 10.0, seconds=880.0) == [
        "1 of 4 tracks, 88 x real time, about 30 s left",
        "2 of 4 tracks, 88 x real time, about 20 s left",
        "3 of 4 tracks, 88 x real time, about 10 s left",
    ]
    assert about(95) == "about 2 min"
    assert about(3 * 3600) == "about 3 h"


def test_an_event_without_a_message_is_told_with_its_fields() -> None:
    fields = {"event": "index.fell_back", "kind": "ivf", "to": "flat", "timestamp": "now"}
    assert sentence(fields) == "index.fell_back kind='ivf' to='flat'"
    assert sentence({"event": "file.failed", "message": "100 % wrong"}) == "100 % wrong"


def test_a_logger_that_dagster_manages_does_not_speak_up_in_a_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logs("ERROR", json=False)
    managed = logging.getLogger("soundalike")
    before = managed.level
    managed.setLevel(logging.INFO)
    try:
        logging.getLogger("soundalike.ingest").warning("calm")
        logging.getLogger("soundalike.ingest").error("loud")
    finally:
        managed.setLevel(before)
    shown = capfd.readouterr().err
    assert "loud" in shown
    assert "calm" not in shown
