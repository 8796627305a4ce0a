"""A client that asks the API without pause, and believes nothing."""

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx

from soundalike.errors import ArtifactError
from soundalike.vectors.index.open_index import OpenIndex
from tests.indexes import neighbours

GRACE = 5.0  # seconds for the API to notice that PostgreSQL is back
TIMEOUT_SECONDS = 15.0  # seconds for one answer
K = 5
MAY_BE_GONE = 20  # nearer tracks that lost their file
LOOKS = 10
UNUSABLE = (httpx.HTTPError, ArtifactError, LookupError, ValueError, OSError)


class Wrong(Exception):
    """An answer that no client should get."""


@dataclass
class Outages:
    """When PostgreSQL was dead by our hand: begin, and end once it answers again."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    def begin(self) -> None:
        """We are about to kill it."""
        self.spans.append((time.monotonic(), float("inf")))

    def end(self) -> None:
        """It answers again."""
        begun, _ = self.spans.pop()
        self.spans.append((begun, time.monotonic()))

    def excuse(self, asked: float, answered: float) -> bool:
        """Whether a request may have met one."""
        return any(begun <= answered and asked <= ended + GRACE for begun, ended in self.spans)


class Witness:
    """Asks in a thread of its own until `stop`, and keeps count."""

    def __init__(self, url: str, data: Path, ever: set[str], seed: int) -> None:
        self.outages = Outages()
        self.answers = self.unavailable = 0
        self.failures: list[str] = []
        self.versions: list[str] = []  # as they were served, one after another
        self.slowest = 0.0
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS)
        self._indexes, self._ever = data / "indexes", ever
        self._opened: dict[str, OpenIndex] = {}
        self._random = Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)
        self._thread.start()

    def stop(self) -> None:
        """End it and give its connections back."""
        self._stopped.set()
        self._thread.join()
        self._http.close()

    def _ask_on(self) -> None:
        questions = (self._index, self._similar, self._tracks, self._ready, self._similar)
        while not self._stopped.is_set():
            for question in questions:
                asked = time.monotonic()
                try:
                    question()
                except (Wrong, *UNUSABLE) as error:
                    self._failed(f"{question.__name__}: {type(error).__name__} {error}", error)
                self.slowest = max(self.slowest, time.monotonic() - asked)
            self._stopped.wait(0.1)  # the two cores are for the ingest

    def _failed(self, told: str, _error: Exception) -> None:
        """Keep what was wrong with an answer."""
        self.failures.append(told)

    def _get(self, path: str, **params: Any) -> Any:
        """The answer's content; None for a 503 that is excused."""
        asked = time.monotonic()
        answer = self._http.get(path, params=params)
        if answer.status_code == httpx.codes.OK:
            self.answers += 1
            return answer.json()
        problem = answer.headers["content-type"] == "application/problem+json"
        excused = self.outages.excuse(asked, time.monotonic()) and path != "/v1/index"
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and problem and excused:
            require("retry-after" in answer.headers, "503 without Retry-After")
            self.unavailable += 1
            return None
        raise Wrong(f"{path}: {answer.status_code} {answer.text}")

    def _index(self) -> None:
        """What is served, from memory: right even while PostgreSQL is dead."""
        found = self._get("/v1/index")
        if found is None:
            return
        opened = self.open(found["version"])
        require(found["tracks"] == len(opened), f"another number of tracks: {found}")
        if not self.versions or self.versions[-1] != found["version"]:
            self.versions.append(found["version"])

    def _ready(self) -> None:
        asked = time.monotonic()
        if found := self._get("/health/ready"):
            self.open(found["index_version"])
            well = found["problem"] is None or self.outages.excuse(asked, time.monotonic())
            require(well, f"not well: {found['problem']}")

    def _tracks(self) -> None:
        found = self._get("/v1/tracks", limit=100)
        if found is None:
            return
        ids = [track["id"] for track in found["items"]]
        require(len(set(ids)) == len(ids) > 0, "no tracks, or one twice")
        require(found["total"] >= len(ids), "a total that is none")
        for track in found["items"]:
            require(track["path"] in self._ever, f"a path that never was: {track}")

    def _similar(self) -> None:
        if not self.versions:
            return
        track = self._random.choice(self.open(self.versions[-1]).track_ids)
        try:
            found = self._get(f"/v1/tracks/{track}/similar", limit=K)
        except Wrong:
            if self._is_served_everywhere(track):
                raise
            return  # rightly: a version without it was published since
        if found:
            self._check_results(track, found)

    def _is_served_everywhere(self, track: str) -> bool:
        """Whether each of some answers is of a version with the track; workers follow in turn."""
        served = [found for _ in range(LOOKS) if (found := self._get("/v1/index"))]
        return bool(served) and all(track in self.open(found["version"]) for found in served)

    def _check_results(self, track: str, found: Any) -> None:
        """All of one version: its neighbours in its order, but for those that lost their file."""
        opened = self.open(found["index_version"])
        results = [(result["track"]["id"], result["score"]) for result in found["items"]]
        ranks = [result["rank"] for result in found["items"]]
        require(found["track"]["id"] == track, "an answer to another question")
        require(0 < len(results) <= K and ranks == [*range(1, len(ranks) + 1)], f"ranks {ranks}")
        require(all(a[1] >= b[1] for a, b in pairwise(results)), f"not sorted: {results}")
        near = dict(neighbours(opened, track, K + MAY_BE_GONE))
        for other, score in results:
            known = other in near and abs(near[other] - score) < 1e-5
            require(known, f"{other} is no neighbour in {found['index_version']}")
        order = [other for other in near if other in dict(results)]
        require(order == [other for other, _ in results], "another order than the index has")

    def open(self, version: str) -> OpenIndex:
        """The version as it is on disk; OSError or ArtifactError if it is not there."""
        if version not in self._opened:
            self._opened[version] = OpenIndex.open(self._indexes / version)
        return self._opened[version]


def in_order(served: list[str], published: list[str]) -> bool:
    """Whether what was served, one after another, follows the order of publications."""
    rest = iter(published)
    return all(version in rest for version in served)


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)
