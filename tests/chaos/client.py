"""The client that asks without pause while anything may be away; no answer is an answer too."""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from soundalike.errors import ArtifactError
from tests.torture.witness import Witness, Wrong, require

NO_ANSWER = "no answer"
PROBLEM = "application/problem+json"


class Client(Witness):
    """Counts answers by status: 503 and a refused connection pass, other 5xx are `errors`.

    `unjudged` answers are of a version that is damaged on the disk, by our hand, and that the
    client has not read before: the API serves its own copy of it until it is whole again.
    """

    def __init__(self, url: str, data: Path, ever: set[str], seed: int) -> None:
        self.statuses: Counter[str] = Counter()
        self.errors: list[str] = []
        self.unjudged = 0
        super().__init__(url, data, ever, seed)

    def _failed(self, told: str, error: Exception) -> None:
        if isinstance(error, ArtifactError):
            self.unjudged += 1
        else:
            super()._failed(told, error)

    def _get(self, path: str, **params: Any) -> Any:
        """The answer's content; None where there is none."""
        try:
            answer = self._http.get(path, params=params)
        except httpx.TransportError:
            self.statuses[NO_ANSWER] += 1
            return None
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code == httpx.codes.OK:
            self.answers += 1
            return answer.json()
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            require(answer.headers["content-type"] == PROBLEM, f"a 503 without words: {path}")
            require("retry-after" in answer.headers, "503 without Retry-After")
            self.unavailable += 1
            return None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            self.errors.append(f"{path}: {answer.status_code} {answer.text:.300}")
            return None
        raise Wrong(f"{path}: {answer.status_code} {answer.text:.300}")

    def _ready(self) -> None:
        """Whether it is well is asked by the campaign; the version must be one all the same."""
        if found := self._get("/health/ready"):
            self.open(found["index_version"])
