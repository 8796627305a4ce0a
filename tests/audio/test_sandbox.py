"""Decoding processes: what one file does to its process touches neither the run nor other files."""

import ast
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import soundfile

from soundalike.audio import sandbox
from soundalike.audio.identity import identify
from soundalike.audio.process import DecoderUnavailable
from soundalike.audio.resample import canonical_facts, write_canonical
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.reader import read_tags
from soundalike.audio.tags.rules import TagRules
from soundalike.errors import AudioError, WorkAbandoned
from tests.patience import until
from tests.sounds import song

HOSTILE = "tests.audio.hostile_child"
REPOSITORY = Path(__file__).parents[2]
# It keeps the way to an interpreter below root's home.
AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with Decoders(count=2) as ours:
        yield ours


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoders]:
    """Processes that do what a file's text says."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with Decoders(count=1, stall_seconds=1.0, module=HOSTILE) as ours:
        yield ours


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoders]:
    """A process that does what a file's text says, for as long as it likes."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with Decoders(count=1, module=HOSTILE) as ours:
        yield ours


def saying(folder: Path, deed: str) -> Path:
    path = folder / deed
    path.write_text(deed)
    return path


def failure(decoders: Decoders, path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decoders.read(path)
    return caught.value


def test_a_child_finds_what_this_process_would_find(decoders: Decoders, tmp_path: Path) -> None:
    path = song(tmp_path / "a.mp3", title="Für Elise", date="1867")
    identified, tags = decoders.read(path)
    assert (identified, tags) == (identify(path), read_tags(path))
    found = decoders.write_canonical(path, identified.track_id, tmp_path / "child.flac")
    assert found == write_canonical(path, identified.track_id, tmp_path / "own.flac")
    assert found == canonical_facts(tmp_path / "child.flac")
    assert (tmp_path / "child.flac").read_bytes() == (tmp_path / "own.flac").read_bytes()


def test_a_child_reads_tags_by_the_rules_it_is_told(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", genre="Rock/Pop | Soul")
    with Decoders(count=1, tag_rules=TagRules(genre_separators=("|",))) as decoders:
        _, tags = decoders.read(path)
        identified, again = decoders.read_tags(path, "0" * 32)
    assert tags.genres == ("Rock/Pop", "Soul")
    assert (identified.track_id, again) == ("0" * 32, tags)


@pytest.mark.parametrize("name", [b"\xff\xfe.flac", b"new\nline.flac", b'"quoted\\.flac', b"%s "])
def test_a_path_need_not_be_text(decoders: Decoders, tmp_path: Path, name: bytes) -> None:
    path = song(tmp_path / "a.flac", seconds=0.5).rename(tmp_path / os.fsdecode(name))
    identified, _ = decoders.read(path)
    target = tmp_path / "out" / os.fsdecode(name)
    assert decoders.write_canonical(path, identified.track_id, target).seconds == 0.5


def test_what_a_file_fails_with_arrives_unchanged(decoders: Decoders, tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac")
    with pytest.raises(AudioError, match="the file changed meanwhile") as caught:
        decoders.write_canonical(path, "0" * 32, tmp_path / "out" / "a.flac")
    assert caught.value.code == "changed"
    assert list((tmp_path / "out").iterdir()) == []
    assert failure(decoders, tmp_path / "gone").code == "vanished"
    assert failure(decoders, tmp_path).code == "unreadable"


def test_a_named_pipe_is_not_waited_for(decoders: Decoders, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "song.mp3")
    assert failure(decoders, tmp_path / "song.mp3").code == "unreadable"


@pytest.mark.parametrize(
    ("deed", "code", "words"),
    [
        ("segfault", "decoder_died", "SIGSEGV"),
        ("abort", "decoder_died", "SIGABRT"),
        ("exit", "decoder_died", "exit code 7"),
        ("leave", "decoder_died", "exit code 7"),
        ("nonsense", "decoder_died", "reply is invalid"),
        ("another", "decoder_died", "of the wrong kind"),
        ("flood", "decoder_died", "reply is too long"),
        ("spin", "stalled", "no progress in 1 s"),
        ("unheard of", "undecodable", "KeyError"),
        pytest.param(
            "allocate",
            "too_much_memory",
            "memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no such limit"),
        ),
    ],
)
def test_a_process_that_breaks_is_its_files_failure(
    hostile: Decoders, tmp_path: Path, deed: str, code: str, words: str
) -> None:
    found = failure(hostile, saying(tmp_path, deed))
    assert found.code == code
    assert words in str(found)
    assert hostile.read(saying(tmp_path, "pid"))[1].title, "the next file is read"


def test_a_process_that_broke_is_lent_to_no_other_file(hostile: Decoders, tmp_path: Path) -> None:
    failure(hostile, saying(tmp_path, "exit"))
    assert hostile.processes == (0, 0, 1), "none is busy or idle"


def test_slow_is_not_stuck(hostile: Decoders, tmp_path: Path) -> None:
    assert hostile.read(saying(tmp_path, "work"))[1].title == "done"


def test_what_libraries_print_is_no_answer(hostile: Decoders, tmp_path: Path) -> None:
    assert hostile.read(saying(tmp_path, "chatter"))[1].title == "done"
    assert hostile.read(saying(tmp_path, "pid"))[1].title != "done"


def test_a_file_does_not_pay_for_the_one_before_it(hostile: Decoders, tmp_path: Path) -> None:
    first = hostile.read(saying(tmp_path, "pid"))[1].title
    assert hostile.read(saying(tmp_path, "old"))[1].title == "done"
    assert hostile.read(saying(tmp_path, "pid"))[1].title != first


def test_a_process_serves_many_files_and_failures(hostile: Decoders, tmp_path: Path) -> None:
    paths = [saying(tmp_path, "pid"), saying(tmp_path, "unheard of")] * 20
    with ThreadPoolExecutor(8) as threads:
        titles = list(threads.map(lambda path: _title(hostile, path), paths))
    assert len(set(titles) - {None}) == 1
    assert titles.count(None) == 20


def _title(decoders: Decoders, path: Path) -> str | None:
    try:
        return decoders.read(path)[1].title
    except AudioError:
        return None


def test_a_process_knows_no_secret_of_its_parent(
    hostile: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that nobody thought of is kept back too."""
    for secret in ("DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "SOUNDALIKE_API_KEY", "MY_OWN_TOKEN"):
        monkeypatch.setenv(secret, "of the test")
    for needed in ("LC_TIME", "PYTHONUSERBASE"):
        monkeypatch.setenv(needed, "of the test")
    found = hostile.read(saying(tmp_path, "environment"))[1].title
    assert found == "LC_TIME,PYTHONUSERBASE"


def test_a_process_is_none_of_its_terminal_s(hostile: Decoders, tmp_path: Path) -> None:
    """Ctrl-C reaches the parent alone, which knows what is to become of the file."""
    child = int(hostile.read(saying(tmp_path, "pid"))[1].title or "")
    assert os.getsid(child) == child != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS keeps no limit of memory")
def test_limits_hold_in_the_process(hostile: Decoders, tmp_path: Path) -> None:
    title = hostile.read(saying(tmp_path, "limits"))[1].title or ""
    core, files, processes, memory = map(int, title.strip("[]").split(","))
    assert (core, files, processes) == (0, 64, 0)
    assert 2**30 < memory < 2 * 2**30


@pytest.mark.parametrize("before", [0, 1])
def test_a_file_that_computes_without_end_is_ended_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with Decoders(1, module=HOSTILE, cpu_seconds=0.5) as decoders:
        for _ in range(before):
            decoders.read(saying(tmp_path, "pid"))
        assert failure(decoders, saying(tmp_path, "compute")).code == "too_much_computing"
        assert decoders.processes == (0, 0, 1), "no second process was started for it"
        assert decoders.read(saying(tmp_path, "pid"))[1].title, "the limit is each file's own"


def test_computing_is_counted_from_the_beginning_of_each_file() -> None:
    code = (
        "import resource, time; from soundalike.audio.limits import limit_cpu\n"
        "before = time.process_time(); limit_cpu(1.0)\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU)[0] - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1.0 <= float(done.stdout) < 3.0


@pytest.mark.skipif(sys.platform != "linux", reason="no such namespaces")
@pytest.mark.parametrize("prefix", [(), AS_NOBODY], ids=["this user", "nobody"])
def test_a_process_has_no_network_and_gains_no_privileges(
    prefix: tuple[str, ...], open_folder: Path
) -> None:
    """What the process reports must be so; root's may read its parent's environment still."""
    if prefix and (os.geteuid() or not shutil.which("setpriv")):
        pytest.skip("only root becomes another user, by setpriv of util-linux")
    source = open_folder / "x"
    source.write_text("reach out")
    code = (
        "import sys; from pathlib import Path; from soundalike.audio.sandbox import Decoders\n"
        "with Decoders(1, module='tests.audio.hostile_child') as decoders:\n"
        "    print(decoders.are_isolated(), decoders.read(Path(sys.argv[1]))[1].title)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        source.with_suffix(".port").write_text(str(server.getsockname()[1]))
        done = subprocess.run(
            [*prefix, sys.executable, "-c", code, str(source)],
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": "/", "PYTHONPATH": str(REPOSITORY)},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    isolated, _, told = done.stdout.strip().partition(" ")
    no_new_privileges, refused, environment = ast.literal_eval(told)
    assert no_new_privileges == "1"
    assert (isolated == "True") == (refused != 0)
    if isolated == "True" and (prefix or os.geteuid()):
        assert environment == 0


def test_a_full_disk_is_not_the_files_fault(
    decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(target: Path) -> Iterator[Path]:
        yield Path("/dev/full")

    path = song(tmp_path / "a.flac")
    track_id = identify(path).track_id
    monkeypatch.setattr(sandbox, "atomic_file", full)
    with pytest.raises(OSError) as caught:
        decoders.write_canonical(path, track_id, tmp_path / "b.flac")
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_went_away_is_not_the_files_fault(
    decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def gone(target: Path) -> Iterator[Path]:
        yield tmp_path / "gone" / "b.flac"

    path = song(tmp_path / "a.flac")
    monkeypatch.setattr(sandbox, "atomic_file", gone)
    with pytest.raises(FileNotFoundError):
        decoders.write_canonical(path, identify(path).track_id, tmp_path / "b.flac")


def test_a_broken_installation_fails_no_file(tmp_path: Path) -> None:
    with (
        Decoders(count=1, module="soundalike.no_such_module") as decoders,
        pytest.raises(DecoderUnavailable, match="No module named"),
    ):
        decoders.read(tmp_path / "a.flac")


def test_one_that_is_killed_while_it_starts_fails_no_file(tmp_path: Path) -> None:
    song(tmp_path / "a.flac", seconds=1.0)
    before = set(psutil.Process().children())

    def kill_the_first() -> None:
        for process in until(lambda: set(psutil.Process().children()) - before):
            process.kill()

    with Decoders(count=1) as decoders, ThreadPoolExecutor(1) as threads:
        killer = threads.submit(kill_the_first)
        identified, _ = decoders.read(tmp_path / "a.flac")
        killer.result()
    assert identified == identify(tmp_path / "a.flac")


def test_why_no_process_starts_is_told_after_many_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of what it wrote says why, and not the beginning."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.stderr.write('a warning\\n' * 1000)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        Decoders(count=1, module="soundalike.no_such_module") as decoders,
        pytest.raises(DecoderUnavailable, match=r"(?s)a warning\n.*No module named") as caught,
    ):
        decoders.read(tmp_path / "a.flac")
    assert len(str(caught.value)) < 3000


def test_one_may_be_started_before_the_first_file_comes(tmp_path: Path) -> None:
    song(tmp_path / "a.flac", seconds=1.0)
    children = psutil.Process().children
    before = set(children())
    with Decoders(count=1) as decoders:
        decoders.prepare()
        prepared = until(lambda: set(children()) - before)
        decoders.read(tmp_path / "a.flac")
        assert set(children()) - before == prepared
    psutil.wait_procs(prepared, timeout=20)
    assert not [child for child in prepared if child.is_running()]


def test_one_that_is_not_needed_any_more_ends_with_the_others() -> None:
    before = set(psutil.Process().children())
    for _ in range(3):
        with Decoders(count=1) as decoders:
            decoders.prepare()
    assert until(lambda: not set(psutil.Process().children()) - before)


def test_closing_ends_the_idle_processes(tmp_path: Path, patient: Decoders) -> None:
    child = psutil.Process(int(patient.read(saying(tmp_path, "pid"))[1].title or ""))
    patient.close()
    assert patient.processes == (0, 0, 1)
    assert not child.is_running()


def test_a_broken_installation_is_told_to_who_needs_a_process_only(tmp_path: Path) -> None:
    with Decoders(count=1, module="soundalike.no_such_module") as decoders:
        decoders.prepare()
        with pytest.raises(DecoderUnavailable, match="No module named"):
            decoders.read(tmp_path / "a.flac")


def test_closing_ends_a_process_at_work_and_fails_no_file(
    hostile: Decoders, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "spin.fifo")
    path = saying(tmp_path, "spin")
    with ThreadPoolExecutor(2) as threads:
        working, waiting = (threads.submit(hostile.read, path) for _ in "12")
        child = psutil.Process(int((tmp_path / "spin.fifo").read_text()))
        (tmp_path / "spin.fifo").unlink()
        hostile.close()
        for future in (working, waiting):
            with pytest.raises(DecoderUnavailable, match="stopped"):
                future.result()
    assert not child.is_running()
    with pytest.raises(DecoderUnavailable, match="stopped"):
        hostile.read(path)


@contextmanager
def spinning(decoders: Decoders, folder: Path) -> Iterator[Future[Any]]:
    """The reading of a file that never ends, once it has begun."""
    os.mkfifo(folder / "spin.fifo")
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(decoders.read, saying(folder, "spin"))
        (folder / "spin.fifo").read_text()
        (folder / "spin.fifo").unlink()
        yield reading


def test_an_interrupted_file_has_not_failed(tmp_path: Path, patient: Decoders) -> None:
    with spinning(patient, tmp_path) as reading:
        patient.interrupt()
        with pytest.raises(WorkAbandoned):
            reading.result()
    assert patient.read(saying(tmp_path, "pid"))[1].title, "the next file is read"


def test_processes_are_counted_by_what_they_do(tmp_path: Path, patient: Decoders) -> None:
    assert patient.processes == (0, 0, 0)
    patient.read(saying(tmp_path, "pid"))
    assert patient.processes == (0, 1, 1)
    with spinning(patient, tmp_path):
        assert patient.processes == (1, 0, 1)
        patient.interrupt()


def test_the_longest_audio_allowed_is_told_to_the_process(
    decoders: Decoders, tmp_path: Path
) -> None:
    path = song(tmp_path / "a.flac", seconds=2.0)
    track_id = identify(path).track_id
    with pytest.raises(AudioError) as caught:
        decoders.write_canonical(path, track_id, tmp_path / "b.flac", max_seconds=1.5)
    assert caught.value.code == "too_long"
    assert decoders.write_canonical(path, track_id, tmp_path / "b.flac", 2.5).seconds == 2.0


PARENT = """
import sys
from pathlib import Path
from typing import Any
from soundalike.audio.sandbox import Decoders
source, track_id, target = sys.argv[1:]
with Decoders(count=1, module="tests.audio.hostile_child") as decoders:
    decoders.write_canonical(Path(source), track_id, Path(target))
"""


def test_a_child_ends_with_its_parent_even_in_the_middle_of_a_long_decode(tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, [0.0] * 8000, 8000)
    header = bytearray(long.read_bytes()[:44])
    size = 8000 * 2 * 3600 * 20  # twenty hours, most of it a hole in the file
    header[4:8], header[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    long.write_bytes(header)
    os.truncate(long, size + 44)
    os.mkfifo(tmp_path / "long.fifo")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(long), "0" * 32, str(tmp_path / "out" / "a.flac")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    child = psutil.Process(int((tmp_path / "long.fifo").read_text()))
    while not any(file.stat().st_size for file in (tmp_path / "out").glob(".*")):
        assert child.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=20)
    assert gone == [child]
    assert not (tmp_path / "out" / "a.flac").exists()


def test_a_child_imports_only_what_decoding_needs() -> None:
    """Its start is paid for by every ingest, and what it holds a hostile file may reach."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, soundalike.audio.child; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = {"torch", "faiss", "sqlalchemy", "dagster", "pydantic", "structlog", "pyarrow"}
    assert "av" in loaded
    assert not heavy & set(loaded)
