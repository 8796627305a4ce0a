"""When to kill: as a step begins, as an artifact appears, or whenever."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

MAX_SECONDS = 9.0  # seconds into an ingest; most take less
JITTER = 0.15  # seconds after a step's begin


@dataclass(frozen=True)
class Aim:
    """A file like `pattern` appears or is replaced; or `step` begins; or neither: any time."""

    name: str
    pattern: str = ""
    step: str = ""


AIMS = (
    Aim("any time"),
    Aim("any time"),
    Aim("scan", step="library"),
    Aim("reading", step="raw_audio"),
    Aim("manifest", pattern="batches/.*.tmp"),
    Aim("decoding", pattern="audio/44100/*/.*.tmp"),
    Aim("audio", pattern="audio/44100/*/[0-9a-f]*.flac"),
    Aim("embedding", step="embeddings"),
    Aim("sidecar", pattern="embeddings/*/b*.parquet"),
    Aim("vectors", pattern="embeddings/*/b*.npy"),
    Aim("vectors' check", step="embeddings_valid_vectors"),
    Aim("building", pattern="indexes/.*.tmp"),
    Aim("writing a segment", pattern="segments/.*.tmp"),
    Aim("built", pattern="indexes/[0-9a-f]*"),
    Aim("index's check", step="faiss_index_valid_index"),
    Aim("publishing", step="published_index"),
    Aim("merging", step="merged_segments"),
    Aim("drawing the map", step="map_layout"),
)


def trigger(
    aim: Aim, data: Path, has_started: Callable[[str], bool], random: Random
) -> Callable[[], bool]:
    """Says, asked again and again, whether the moment has come."""
    if aim.pattern:
        before = _seen(data, aim.pattern)
        return lambda: bool(_seen(data, aim.pattern) - before)
    if aim.step:
        return _after(lambda: has_started(aim.step), random.uniform(0, JITTER))
    return _after(lambda: True, random.uniform(0.3, MAX_SECONDS))


def _after(begun: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    due: list[float] = []

    def reached() -> bool:
        if not due and begun():
            due.append(time.monotonic() + seconds)
        return bool(due) and time.monotonic() >= due[0]

    return reached


def _seen(data: Path, pattern: str) -> set[tuple[str, int]]:
    """Names and inodes: a file that was replaced has another one."""
    found = set()
    for path in data.glob(pattern):
        try:
            found.add((str(path), path.stat().st_ino))
        except FileNotFoundError:  # a temporary that was renamed as we looked
            found.add((str(path), 0))
    return found
