"""systemd must be told that `up` is ready and alive, and nobody else must be needed for it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundalike.supervisor.systemd import notify


@pytest.fixture(params=["a file", "an abstract name"])
def listener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """Where systemd listens; the variable writes an abstract name's first byte, a NUL, as `@`."""
    path = str(tmp_path / "notify")
    is_file = request.param == "a file"
    monkeypatch.setenv("NOTIFY_SOCKET", path if is_file else f"@{path}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path if is_file else f"\0{path}")
        listening.settimeout(10)
        yield listening


def test_each_notice_is_one_datagram(listener: socket.socket) -> None:
    notify("READY=1")
    notify("STOPPING=1")
    assert [listener.recv(100), listener.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_an_address_of_another_kind_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address or "unnamed")
        listening.setblocking(False)
        notify("READY=1")
        with pytest.raises(BlockingIOError):
            listening.recv(100)


def test_a_systemd_that_went_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("WATCHDOG=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("WATCHDOG=1")
