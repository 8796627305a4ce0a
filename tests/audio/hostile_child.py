"""A decoding process that a file may have do anything: the file's first word says what."""

import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from soundalike.audio import child
from soundalike.audio.child import ReplyMessage, path_of
from soundalike.audio.limits import EXTRA_MEMORY_BYTES
from soundalike.audio.stream import ProgressCallback
from soundalike.audio.tags.fields import FileTags

child.HEARTBEAT_SECONDS = 0.01
WORKING_SECONDS = 2.5
served = 0


def told(title: object) -> ReplyMessage:
    """A proper answer that carries a title."""
    facts = {"container": "x", "codec": "x", "sample_rate": 1, "channels": 1, "duration": None}
    return {
        "kind": "read",
        "identified": {"track_id": "0" * 32, "facts": facts},
        "tags": asdict(FileTags(title=str(title))),
    }


def spin(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    announce(source)
    while True:
        pass


def work(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    """Longer than any test lets a process stall, but never without progress."""
    end = time.monotonic() + WORKING_SECONDS
    while time.monotonic() < end:
        on_progress()
    return told("done")


def allocate(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    return told(len(bytearray(2 * EXTRA_MEMORY_BYTES)))


def answer_nonsense(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    return {"kind": "read", "identified": "me", "tags": "mine"}


def answer_another_question(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    return {"kind": "canonical", "seconds": 1.0, "decoded_share": 1.0}


def flood(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    while True:
        os.write(3, b"x" * 4096)


def chatter(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    """Both outputs, as libraries in C do: more than a pipe holds."""
    for _ in range(100):
        os.write(1, b'{"kind":"memory"}\n' * 100)
        os.write(2, b"warning\n" * 1000)
    sys.stdout.write("and so does Python\n")
    return told("done")


def die_when_old(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    if served > 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return told("done")


def limits(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    kinds = ("CORE", "NOFILE", "NPROC", "AS")
    return told([resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1] for kind in kinds])


def compute(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    """Never without progress, and without end."""
    while True:
        on_progress()


def reach_out(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    """Try what a file that took the process over would try first."""
    status = Path("/proc/self/status").read_text()
    [new_privileges] = [line.split()[1] for line in status.splitlines() if "NoNewPrivs" in line]
    port = source.with_suffix(".port").read_text()
    with socket.socket() as client:
        refused = client.connect_ex(("127.0.0.1", int(port)))
    try:
        environment = Path(f"/proc/{os.getppid()}/environ").read_bytes()
    except OSError:
        environment = b""
    return told([new_privileges, refused, len(environment)])


def tell_environment(source: Path, on_progress: ProgressCallback) -> ReplyMessage:
    """Tell the variables that a test has set to this value."""
    return told(",".join(sorted(name for name, v in os.environ.items() if v == "of the test")))


DEEDS: dict[str, Callable[[Path, ProgressCallback], ReplyMessage]] = {
    "segfault": lambda source, on_progress: told(os.kill(os.getpid(), signal.SIGSEGV)),
    "abort": lambda source, on_progress: os.abort(),
    "exit": lambda source, on_progress: os._exit(7),
    "leave": lambda source, on_progress: sys.exit(7),
    "spin": spin,
    "work": work,
    "allocate": allocate,
    "nonsense": answer_nonsense,
    "another": answer_another_question,
    "flood": flood,
    "chatter": chatter,
    "old": die_when_old,
    "limits": limits,
    "compute": compute,
    "reach out": reach_out,
    "environment": tell_environment,
    "pid": lambda source, on_progress: told(os.getpid()),
}


def announce(source: Path) -> None:
    """Tell the test, if it listens, that the job has begun."""
    fifo = source.with_suffix(".fifo")
    if fifo.exists():
        fifo.write_text(str(os.getpid()))


def read(job: dict[str, str], on_progress: ProgressCallback) -> ReplyMessage:
    global served  # noqa: PLW0603
    served += 1
    source = path_of(job["source"])
    return DEEDS[source.read_text()](source, on_progress)


def canonical(job: dict[str, str], on_progress: ProgressCallback) -> ReplyMessage:
    announce(path_of(job["source"]))
    return child.JOBS["canonical"](job, on_progress)


if __name__ == "__main__":
    child.main({"read": read, "canonical": canonical})
