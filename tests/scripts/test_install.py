"""What installing says and takes, on machines with and without a GPU, a network, a choice."""

import http.server
import platform
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from scripts import install
from tests.source import REPOSITORY

CPU = ("--extra-index-url", install.CPU_INDEX)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server in the place of PyTorch's index of CPU builds."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(install, "CPU_INDEX", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch, free_port: int) -> str:
    """An index that refuses every connection."""
    url = f"http://127.0.0.1:{free_port}"
    monkeypatch.setattr(install, "CPU_INDEX", url)
    return url


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Linux on x86_64, whose only programs are those in the returned folder."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="there is an NVIDIA GPU here")
def test_without_a_gpu_the_cpu_build_is_taken(linux: Path, index: str) -> None:
    options, note = install.torch_source("auto", has_sources=False)
    assert options == ("--extra-index-url", index)
    assert "CPU build" in note


def test_with_a_gpu_cuda_is_announced_with_the_way_out(linux: Path, index: str) -> None:
    (linux / "nvidia-smi").touch(mode=0o755)
    options, note = install.torch_source("auto", has_sources=False)
    assert options == ()
    assert "several GB" in note
    assert "TORCH=cpu" in note


def test_behind_a_firewall_cuda_is_announced(linux: Path, closed: str) -> None:
    options, note = install.torch_source("auto", has_sources=False)
    assert options == ()
    assert f"{closed} is not reachable; several GB" in note


def test_sources_that_a_person_chose_are_left_alone(linux: Path, index: str) -> None:
    options, note = install.torch_source("auto", has_sources=True)
    assert options == ()
    assert "TORCH=cpu" in note


def test_what_is_chosen_is_taken_whatever_the_machine(linux: Path, index: str) -> None:
    (linux / "nvidia-smi").touch(mode=0o755)
    assert install.torch_source("cpu", has_sources=True)[0] == ("--extra-index-url", index)
    assert install.torch_source("default", has_sources=False)[0] == ()


def test_other_machines_take_what_their_index_has(
    monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert install.torch_source("auto", has_sources=False)[0] == ()


@pytest.mark.parametrize("name", ["index-url", "extra-index-url", "find-links", "no-index"])
def test_a_source_is_found_wherever_pip_has_it_from(name: str) -> None:
    for origin in (":env:", "global", "install", "user"):
        assert install.SOURCES.search(f"global.cert='/a'\n{origin}.{name}='https://a'\n")
    assert not install.SOURCES.search(f"global.constraint='{name}=1'\n")


def test_a_server_that_never_answers_is_not_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert not install.reachable(f"http://127.0.0.1:{port}", seconds=0.2)


def test_the_lock_admits_the_cpu_build_of_what_is_installed() -> None:
    name, _, version = install.TORCH.partition("==")
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert f"\n{install.TORCH}\n" in lock
    assert f'"{install.TORCH}"' in (REPOSITORY / "pyproject.toml").read_text()
    assert name == "torch"
    assert f"{version}+cpu" in SpecifierSet(f"=={version}")


def test_a_wrong_choice_and_a_wrong_python_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "TORCH=tpu" in str(install.main(str(tmp_path / "venv"), "tpu"))
    monkeypatch.setattr(sys, "version_info", (3, 10, 1, "final", 0))
    assert "needs Python 3.11 to 3.13" in str(install.main(str(tmp_path / "venv")))
    assert not (tmp_path / "venv").exists()


def test_the_pythons_are_those_of_the_package() -> None:
    low, high = install.PYTHONS
    wanted = re.search(r'requires-python = "(.*)"', (REPOSITORY / "pyproject.toml").read_text())
    assert wanted
    assert wanted[1] == f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"


@pytest.mark.parametrize(
    "line",
    [
        "Requirement already satisfied: numpy in ./.venv",
        "Collecting dagster~=1.13.0 (from soundalike==0.1.0)",
        "  Downloading filelock-4.2.11-py3-none-any.whl (222 kB)",
        "\x1b[33mWARNING: Location 'file:///a' is ignored: it is neither a file nor a directory.",
        "\x1b[2K     \x1b[90m━━━━━━━\x1b[0m \x1b[32m1.2/3.4 MB\x1b[0m",
    ],
)
def test_chatter_is_overwritten_by_the_next_line(line: str) -> None:
    shown = install.display(f"{line}\n", 79)
    assert shown.startswith("\r\x1b[K")
    assert "\n" not in shown
    assert "\n" not in install.display(f"{line}{' and more' * 20}\r", 79)


@pytest.mark.parametrize(
    "line",
    [
        "  Downloading torch-2.13.0-cp311-none-manylinux_2_28_x86_64.whl (846.4 MB)",
        "  Downloading nvidia_cublas-13-py3-none-any.whl (1.2 GB)",
        "ERROR: No matching distribution found for soundalike",
        "WARNING: Retrying after connection broken",
    ],
)
def test_large_downloads_and_problems_stay(line: str) -> None:
    assert install.display(f"{line}\n", 79) == f"\r\x1b[K{line}\n"


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_a_package_that_is_not_there_is_an_exit_code_and_a_reason(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    code = install.run_pip(Path(sys.executable), "install", "--no-index", "nothing-of-that-name")
    output = "".join(capfd.readouterr())
    assert code == 1
    assert "No matching distribution found for nothing-of-that-name" in output
