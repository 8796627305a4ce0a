"""A port that is taken is named before any work is done."""

import socket

import pytest

from soundalike.tcp_ports import LOOPBACK, busy_port, main


def test_a_busy_port_is_named_with_its_setting() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        problem = busy_port({"PORT": (LOOPBACK, port)})
        assert problem is not None
        assert f"port {port} on {LOOPBACK} is not free" in problem
        assert "choose another PORT" in problem
    assert busy_port({"PORT": (LOOPBACK, port)}) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["PORT", "abc"], "PORT=abc is no port"),
        (["PORT", "99999"], "PORT=99999 is no port"),
        (["PORT", "8000", "DAGSTER_PORT", "8000"], "PORT and DAGSTER_PORT are the same port"),
    ],
)
def test_a_wrong_port_is_named(words: list[str], message: str) -> None:
    assert message in str(main(words))
