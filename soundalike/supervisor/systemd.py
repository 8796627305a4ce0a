"""Notices to systemd, if it started this process (deploy/systemd): ready, alive, stopping."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Tell systemd, as sd_notify(3) says; do nothing where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(state.encode(), f"\0{address[1:]}" if address[0] == "@" else address)
