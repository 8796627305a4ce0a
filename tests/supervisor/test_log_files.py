"""Log files must be bounded, complete, and readable while they are replaced."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from soundalike.supervisor import log_files, log_reader
from soundalike.supervisor.log_files import KEPT_FILES, LogFiles, log_file
from soundalike.supervisor.log_lines import LogLine
from soundalike.supervisor.log_reader import added_lines, last_lines
from tests.patience import until

CHATTER = "import sys\nfor n in range({}): print('line', n)\nsys.stdout.write('no end')"


def copied(files: LogFiles, seen: list[LogLine], lines: int) -> None:
    """The output of a process that prints so many lines and ends in the middle of one."""
    with (
        closing(files),
        subprocess.Popen(
            [sys.executable, "-c", CHATTER.format(lines - 1)], stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        before = len(seen)
        files.copy(process.stdout, "api", lambda _: None)
        process.wait()
        until(lambda: len(seen) == before + lines)


def test_every_line_is_written_and_reported(tmp_path: Path) -> None:
    seen: list[LogLine] = []
    copied(LogFiles(tmp_path / "logs", seen.append), seen, 2000)
    text = log_file(tmp_path / "logs", "api").read_text()
    assert text == "".join(f"line {n}\n" for n in range(1999)) + "no end\n"
    assert [line.text for line in seen] == text.splitlines()


def test_a_log_that_is_full_is_set_aside_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "MAX_BYTES", 1000)
    seen: list[LogLine] = []
    copied(LogFiles(tmp_path, seen.append), seen, 2000)
    api = [path for path in tmp_path.iterdir() if path.name.startswith("api.log")]
    assert len(api) == 1 + KEPT_FILES
    assert all(path.stat().st_size <= 1000 for path in api)


def test_a_full_disk_blocks_no_service(tmp_path: Path) -> None:
    seen: list[LogLine] = []
    log_file(tmp_path, "api").symlink_to("/dev/full")
    copied(LogFiles(tmp_path, seen.append), seen, 100)


def test_last_lines_are_in_order_of_time_with_what_follows_them(tmp_path: Path) -> None:
    api, dagster = tmp_path / "api.log", tmp_path / "dagster.log"
    api.write_text(event(1) + event(4))
    dagster.write_text(event(3) + "Traceback\n" + event(5))
    shown = [line.text for line in last_lines([api, dagster, tmp_path / "none"], 4)]
    assert shown == ["event 3", "Traceback", "event 4", "event 5"]
    assert last_lines([api, dagster], 0) == []


def test_of_a_long_log_only_the_end_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "TAIL_BYTES", 3 * len(event(10)))
    (tmp_path / "api.log").write_text("".join(event(second) for second in range(10, 60)))
    shown = [line.text for line in last_lines([tmp_path / "api.log"], 100)]
    assert shown == ["event 57", "event 58", "event 59"]


def test_what_is_added_is_followed_into_the_next_file(tmp_path: Path) -> None:
    path, later = tmp_path / "api.log", tmp_path / "dagster.log"
    path.write_text(event(1))
    lines = added_lines([path, later])
    with path.open("a") as file:
        file.write(event(2))
    assert next(lines).text == "event 2"
    with path.open("a") as file:
        file.write(event(3))
    path.rename(tmp_path / "api.log.1")
    path.write_text(event(4) + event(5)[:-1])
    assert [next(lines).text, next(lines).text] == ["event 3", "event 4"]
    later.write_text(event(6))
    assert next(lines).text == "event 6"
    with path.open("a") as file:
        file.write("\n")
    assert next(lines).text == "event 5"
    lines.close()


def event(second: int) -> str:
    return (
        f'{{"event": "event {second}", "level": "info", '
        f'"timestamp": "2026-11-28T21:19:{second:02}Z"}}\n'
    )
