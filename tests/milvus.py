"""Milvus for tests: milvus-lite in this process, and the standalone server of a wheel."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from soundalike.vectors.milvus.collection import PUBLISHED, MilvusCollection, names
from soundalike.vectors.milvus.server import Milvus
from tests.ports import free_ports

WHEEL = Path(__file__).parents[1] / ".cache" / "milvus" / "bin" / "python"
PORTS = 10  # the first one is that of clients
SERVE = """
import sys, time
from milvus import MilvusServer
server = MilvusServer()
server.set_base_dir(sys.argv[1])
ports = [name for name in server.config.configurable_items if name.endswith("_port")]
ports.sort(key=lambda name: name != "proxy_port")
server.config.configs.update(zip(ports, map(int, sys.argv[2:])))
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""


def is_installed() -> bool:
    """Return whether the real server is here: it is, where there is a wheel of it."""
    return bool(list(WHEEL.parents[1].glob("lib/*/site-packages/milvus")))


@contextmanager
def standalone() -> Iterator[str]:
    """Run the real server, of the wheel that `make test-slow` installs; yield its URL."""
    if not is_installed():
        pytest.skip("Milvus' standalone server is not installed: make .cache/milvus/.installed")
    with tempfile.TemporaryDirectory(prefix="soundalike-milvus-") as folder:
        ports = free_ports(PORTS)
        command = [str(WHEEL), "-c", SERVE, folder, *map(str, ports)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            try:
                said = next((line for line in server.stdout if line == "ready\n"), "")
                assert said, "the server did not start; its other ports may be taken, such as 2380"
                yield f"http://127.0.0.1:{ports[0]}"
            finally:
                server.communicate("", timeout=60)


def emptied(milvus: Milvus) -> Milvus:
    """The same without what other tests left."""
    with milvus.answering() as client, suppress(Exception):
        client.drop_alias(PUBLISHED)
    for name in names(milvus):
        MilvusCollection(milvus, name).drop()
    return milvus
