"""Whether ports are free. Plain standard library, so that it runs before anything is installed."""

import socket
import sys

HIGHEST = 65535


def busy_port(host: str, ports: dict[str, int]) -> str | None:
    """A sentence about the first port that something listens on, or None. `ports`: name to port."""
    if len(set(ports.values())) < len(ports):
        return f"{' and '.join(ports)} are the same port, {next(iter(ports.values()))}"
    for name, port in ports.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                reason = error.strerror or "it cannot be opened"
                return f"port {port} on {host} is not free ({reason}); choose another {name}"
    return None


def main(words: list[str]) -> str | None:
    """`NAME PORT NAME PORT ...`: what is wrong with them on this machine, if anything."""
    named = dict(zip(words[::2], words[1::2], strict=True))
    for name, port in named.items():
        if not (port.isdecimal() and 0 < int(port) <= HIGHEST):
            return f"{name}={port} is no port; give a number from 1 to {HIGHEST}"
    return busy_port("127.0.0.1", {name: int(port) for name, port in named.items()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
