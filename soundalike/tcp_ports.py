"""Checks for free ports. Standard library only, so that it runs before anything is installed."""

import socket
import sys

LOOPBACK = "127.0.0.1"
MAX_PORT = 65535


Addresses = dict[str, tuple[str, int]]  # names to host and port


def same_port(addresses: Addresses) -> str | None:
    """Return an error message if two names have the same port, or None."""
    ports = [port for _, port in addresses.values()]
    if len(set(ports)) < len(ports):
        return f"{' and '.join(addresses)} are the same port, {ports[0]}"
    return None


def busy_port(addresses: Addresses) -> str | None:
    """Return an error message about the first port that is not free, or None.

    Two names with the same port are an error too.
    """
    if problem := same_port(addresses):
        return problem
    for name, (host, port) in addresses.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                reason = error.strerror or "it cannot be opened"
                return f"port {port} on {host} is not free ({reason}); choose another {name}"
    return None


def accepts(host: str, port: int) -> bool:
    """Return whether something on this machine answers there."""
    anywhere = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared with, not bound to
    try:
        with socket.create_connection((anywhere.get(host, host), port), timeout=1):
            return True
    except OSError:
        return False


def main(arguments: list[str]) -> str | None:
    """Check `NAME PORT NAME PORT ...` on this machine; return an error message or None."""
    named = dict(zip(arguments[::2], arguments[1::2], strict=True))
    for name, port in named.items():
        if not (port.isdecimal() and 0 < int(port) <= MAX_PORT):
            return f"{name}={port} is no port; give a number from 1 to {MAX_PORT}"
    return busy_port({name: (LOOPBACK, int(port)) for name, port in named.items()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
