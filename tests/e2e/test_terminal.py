"""`make demo` and `soundalike up` on a terminal: quiet while they run, calm when they end."""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Installation
from tests.e2e.test_up import TIMEOUT_SECONDS
from tests.patience import until
from tests.ports import free_ports
from tests.source import REPOSITORY

CTRL_C = b"\x03"


@dataclass
class Terminal:
    """A command on a pseudo terminal of 100 by 40 characters, and what it has shown."""

    pid: int
    master: int
    shown: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.shown.decode(errors="replace")

    def read(self) -> None:
        with suppress(OSError):  # the end of a terminal
            while data := os.read(self.master, 65536):
                self.shown.extend(data)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """Its exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def terminal(
    command: Sequence[str], environment: dict[str, str], folder: Path
) -> Iterator[Terminal]:
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(command[0], list(command), environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    opened = Terminal(pid, master)
    reader = threading.Thread(target=opened.read, daemon=True)
    reader.start()
    yield opened
    reader.join(timeout=60)
    os.close(master)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def clone(open_folder: Path) -> Path:
    """The repository as others get it, with this environment as its own."""
    folder = open_folder / "clone"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, folder], check=True)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".installed").touch()
    return folder


@pytest.mark.slow
def test_the_demo_ends_in_a_quiet_status_and_without_an_error(
    open_folder: Path, clone: Path, models_dir: Path, demo_music: Path
) -> None:
    music = open_folder / "music"
    music.mkdir()
    for path in sorted(demo_music.rglob("*.opus"))[:2]:
        shutil.copy(path, music)
    api, dagster = free_ports(2)
    options = (f"MUSIC={music}", f"DATA={open_folder}/data", f"PORT={api}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(clone),
        "SOUNDALIKE_MODELS": str(models_dir),
        "SOUNDALIKE_WORKERS": "1",
        "TERM": "xterm",
    }
    command = ("make", "demo", *options, f"DAGSTER_PORT={dagster}")
    with terminal(command, environment, clone) as shown:
        until(lambda: answers(api), TIMEOUT_SECONDS)
        until(lambda: f"http://127.0.0.1:{api}/ \r\n" in spaces(shown.text), TIMEOUT_SECONDS)
        shown.press(CTRL_C)
        shown.end()
    assert "2 tracks, index" in shown.text
    assert "stopped" in shown.text
    for noise in ('{"', "INFO", "***", "Traceback", "dagster -"):
        assert noise not in shown.text
    lines = (open_folder / "data" / "logs" / "api.log").read_text().splitlines()
    assert "index.loaded" in [json.loads(line)["event"] for line in lines]


def spaces(text: str) -> str:
    """The text with each run of spaces as one."""
    return " ".join(filter(None, text.split(" ")))


@pytest.mark.slow
def test_ctrl_c_pressed_twice_and_early_ends_up_with_0(open_folder: Path, models_dir: Path) -> None:
    api, dagster = free_ports(2)
    ports = {"SOUNDALIKE_PORT": str(api), "SOUNDALIKE_DAGSTER_PORT": str(dagster)}
    library = Installation.at(open_folder / "data", models_dir, TERM="xterm", **ports)
    command = (str(Path(sys.executable).with_name("soundalike")), "up")
    with terminal(command, library.environment, open_folder) as shown:
        until(lambda: "starting" in shown.text, TIMEOUT_SECONDS)
        shown.press(CTRL_C)
        shown.press(CTRL_C)
        assert shown.end() == 0
    assert "Traceback" not in shown.text
    assert "stopped" in shown.text
    assert not (library.data / "postgres" / "cluster" / "postmaster.pid").exists()
