"""The decoding process: reads jobs from stdin and replies on stdout, one line of JSON each.

Its files are untrusted: it imports only what decoding needs and limits its own resources, and its
parent validates every reply (`replies.py`).
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from soundalike.audio.identity import describe, identify
from soundalike.audio.limits import (
    end_with_parent,
    give_up_privileges,
    limit_cpu,
    limit_resources,
)
from soundalike.audio.resample import write_flac
from soundalike.audio.stream import ProgressCallback
from soundalike.audio.tags.reader import read_tags
from soundalike.audio.tags.rules import TagRules
from soundalike.errors import AudioError

HEARTBEAT_SECONDS = 1.0  # at most one heartbeat in this time

ReplyMessage = dict[str, Any]
Job = Callable[[dict[str, str], ProgressCallback], ReplyMessage]


def path_of(text: str) -> Path:
    """The path that a job names by its bytes in hex, because a path need not be text."""
    return Path(os.fsdecode(bytes.fromhex(text)))


def _read(job: dict[str, str], on_progress: ProgressCallback) -> ReplyMessage:
    source = path_of(job["source"])
    known = job.get("track_id")
    identified = describe(source, known) if known else identify(source, on_progress)
    return {
        "kind": "read",
        "identified": asdict(identified),
        "tags": asdict(read_tags(source, _tag_rules(job))),
    }


def _tag_rules(job: dict[str, str]) -> TagRules:
    encoding, *separators = json.loads(job["tag_rules"])
    return TagRules(encoding, tuple(separators))


def _canonical(job: dict[str, str], on_progress: ProgressCallback) -> ReplyMessage:
    source, target = path_of(job["source"]), path_of(job["target"])
    max_seconds = float(job["max_seconds"]) if "max_seconds" in job else None
    written = write_flac(source, job["track_id"], target, on_progress, max_seconds)
    return {"kind": "canonical", **asdict(written)}


JOBS: Mapping[str, Job] = {"read": _read, "canonical": _canonical}


class ReplyChannel:
    """The pipe to the parent: replies, and heartbeats that show progress."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._last_heartbeat = time.monotonic()

    def send(self, reply: ReplyMessage) -> None:
        """Write one line of ASCII JSON. Raises BrokenPipeError if the parent is gone."""
        self._out.write(json.dumps(reply).encode() + b"\n")
        self._out.flush()

    def heartbeat(self) -> None:
        """Report progress: called whenever more audio was processed; most calls send nothing."""
        now = time.monotonic()
        if now - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._last_heartbeat = now
            self.send({"kind": "heartbeat"})


def run_job(
    jobs: Mapping[str, Job], job: dict[str, str], on_progress: ProgressCallback
) -> ReplyMessage:
    """Do one job and return its reply; an exception becomes a reply too."""
    try:
        return jobs[job["do"]](job, on_progress)
    except AudioError as error:
        return {"kind": "failed", "code": error.code, "message": str(error)}
    except MemoryError:
        return {"kind": "memory"}
    except OSError as error:  # reading the source raises AudioError: this is about the target
        return {"kind": "system", "errno": error.errno or 0, "message": error.strerror or ""}
    except Exception as error:  # decoders raise many kinds on malformed data
        message = f"its data cannot be decoded ({type(error).__name__}: {error})"
        return {"kind": "failed", "code": "undecodable", "message": message}


def main(jobs: Mapping[str, Job] = JOBS) -> None:
    """Run jobs until stdin ends."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what a library prints must not be taken for a reply
        isolated = give_up_privileges()
        end_with_parent()
        limit_resources()
        replies = ReplyChannel(out)
        replies.send({"kind": "ready", "isolated": isolated})
        for line in sys.stdin.buffer:
            job = json.loads(line)
            limit_cpu(float(job["cpu_seconds"]))
            replies.send(run_job(jobs, job, replies.heartbeat))


if __name__ == "__main__":
    main()
