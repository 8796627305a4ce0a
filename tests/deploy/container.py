"""Services of docker-compose.yml as their containers would be, for want of an engine.

Each is started with the command, environment, health check and secrets that Docker Compose makes of
the file: in namespaces of processes and mounts, as user 10001 without capabilities, with a root
that is read-only but for /tmp and /data.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.deploy.compose import image_environment
from tests.source import REPOSITORY

USER = "10001"
TOOLS = REPOSITORY / ".cache" / "deploy"

# $1 is the host's folder, $2 Python's own folder, $3 the one that hides it from other users.
ROOT = """
set -e
mount --bind "$1/data" "$1/data"
if [ -n "$3" ]; then
    mount --bind "$2" "$1/python"
    mount -t tmpfs -o mode=755 tmpfs "$3"
    mkdir -p "$2"
    mount --bind "$1/python" "$2"
    mount -o remount,bind,ro "$3"
fi
mount -o remount,bind,ro /
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777,size=64m tmpfs /dev/shm
cd "$1/data"
shift 3
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- "$@"
"""


def tool(name: str) -> Path:
    """A program that checks files, installed by make."""
    subprocess.run(["make", "--silent", ".cache/deploy/.installed"], cwd=REPOSITORY, check=True)
    return TOOLS / "bin" / name


def resolved(folder: Path = REPOSITORY, **environment: str) -> dict[str, Any]:
    """docker-compose.yml as Docker Compose understands it. Raises CalledProcessError."""
    command = [tool("docker-compose"), "--project-directory", folder, "--profile", "*"]
    files = ["-f", REPOSITORY / "docker-compose.yml"]
    done = subprocess.run(
        [*command, *files, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@dataclass
class Host:
    """A machine: a folder with `data`, `music`, `secrets`, and the installed image."""

    folder: Path
    image: Path
    services: dict[str, Any]
    ports: dict[str, int]

    def here(self, text: str) -> str:
        """What a path or port of the containers is on this machine."""
        for place, path in (
            ("/opt/soundalike", self.image),
            ("/run/secrets", self.folder / "secrets"),
            ("/data", self.folder / "data"),
            ("/music", self.folder / "music"),
        ):
            text = re.sub(rf"(?<![\w./-]){place}(?=/|\b)", str(path), text)
        for port, mine in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(mine), text)
        return text

    def run(self, service: str, command: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Start the service, or another command in a container of its kind; its output is a file.

        Its processes end with the one that is returned.
        """
        words = command or self.services[service]["command"]
        with (self.folder / f"{service}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--mount-proc"),
                    *("sh", "-c", ROOT, "sh", str(self.folder), *self._python),
                    *("env", "-i", *self._environment(service)),
                    *(self.here(word) for word in words),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def healthy(self, service: str) -> bool:
        """Whether its health check succeeds now."""
        _, *command = self.services[service]["healthcheck"]["test"]
        with self.run(service, command) as process:
            return process.wait() == 0

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def _environment(self, service: str) -> list[str]:
        given = self.services[service]["environment"]
        set_here = {name: value for name, value in given.items() if value is not None}
        every = {**image_environment(), **set_here}
        every["PATH"] = f"{self.image}/bin:/usr/local/bin:/usr/bin:/bin"
        # The forkserver and torch use no more than their share of this machine.
        every |= {"HOME": "/home/soundalike", "OMP_NUM_THREADS": "1"}
        return [f"{name}={self.here(value)}" for name, value in every.items()]

    @cached_property
    def _python(self) -> list[str]:
        """Python's own folder, and the folder that keeps other users from it, if one does."""
        base = Path(sys.base_prefix)
        closed = [each for each in (base, *base.parents) if not each.stat().st_mode & 0o001]
        return [str(base), str(closed[-1]) if closed else ""]


def copied_image(image: Path) -> None:
    """Put beside the wheel what the Dockerfile copies to /opt/soundalike."""
    for name in ("workspace.yaml", "healthy.py"):
        shutil.copy(REPOSITORY / "deploy" / "containers" / name, image)
