"""Ports for servers of the tests."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nothing listened on a moment ago."""
    with ExitStack() as stack:
        create = socket.create_server
        probes = [stack.enter_context(create(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]
