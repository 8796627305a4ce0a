"""Ports for the servers that are measured."""

import socket


def free_port() -> int:
    """A port of the loopback address that nothing listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
