"""Hosts of a cluster on one machine: network namespaces on a bridge, with the machine's files.

Needs root on Linux. A host is lost by taking its link down: its processes go on, unheard.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BRIDGE = "sabr0"
SERVER = "10.77.0.1"  # PostgreSQL's address: the bridge's own


@dataclass(frozen=True)
class Host:
    """A network namespace with an address."""

    name: str
    address: str

    def start(
        self, command: list[str], environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a program there, the leader of its own session."""
        with log.open("ab") as output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                env={**environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def lose(self) -> None:
        """Cut it off, without a word to anybody."""
        _ip("link", "set", f"{self.name}-out", "down")

    def find(self) -> None:
        """Connect it again."""
        _ip("link", "set", f"{self.name}-out", "up")

    def processes(self) -> list[int]:
        """What runs there."""
        done = _ip("netns", "pids", self.name)
        return [int(pid) for pid in done.split()]


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Hosts that reach each other and SERVER; what runs there is killed in the end."""
    made = [Host(f"sa{number}", f"10.77.0.{number + 2}") for number in range(count)]
    with ExitStack() as stack:
        _ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(_ip, "link", "del", BRIDGE)
        _ip("addr", "add", f"{SERVER}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for host in made:
            stack.enter_context(_namespace(host))
        yield made


@contextmanager
def _namespace(host: Host) -> Iterator[None]:
    outside, inside = f"{host.name}-out", f"{host.name}-in"
    _ip("netns", "add", host.name)
    try:
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", host.name)
        _ip("link", "set", outside, "master", BRIDGE, "up")
        within = ("netns", "exec", host.name, "ip")
        _ip(*within, "addr", "add", f"{host.address}/24", "dev", inside)
        for device in (inside, "lo"):
            _ip(*within, "link", "set", device, "up")
        yield
    finally:
        for pid in host.processes():
            os.kill(pid, 9)
        _ip("link", "del", outside)  # it would live as long as the last process
        _ip("netns", "del", host.name)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout
