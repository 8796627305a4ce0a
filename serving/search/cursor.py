"""Pages of a search: a cursor says which question of which version it continues, and where."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import dropwhile
from typing import Self

from serving.errors import Problem
from serving.schemas.requests import SearchRequest
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.ranking import Result

FINGERPRINT = 16  # hex digits


def fingerprint(request: SearchRequest) -> str:
    """Of the question, whatever the page and its size."""
    question = request.model_dump_json(exclude={"cursor", "k"})
    return hashlib.sha256(question.encode()).hexdigest()[:FINGERPRINT]


@dataclass(frozen=True)
class SearchCursor:
    """Where a page ended: after how many results, and which one was the last."""

    version: str
    question: str
    seen: int
    score: float
    track_id: str

    def encode(self) -> str:
        """An opaque, URL-safe text."""
        return base64.urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode()

    @classmethod
    def decode(cls, cursor: str) -> Self:
        """Raises ValueError for anything `encode` did not make."""
        try:
            place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        except (ValueError, RecursionError) as error:
            raise ValueError("not a cursor of this API") from error
        match place:
            case [str(version), str(question), int(seen), float(score), str(track_id)] if (
                0 < seen <= MAX_RANKED
            ):
                return cls(version, question, seen, score, track_id)
        raise ValueError("not a cursor of this API")


def parse_cursor(request: SearchRequest, version: str) -> SearchCursor | None:
    """Where to go on; None to begin. 422 for a cursor of another question, 409 for one of another
    version: its scores and places are not those of this one."""
    if not request.cursor:
        return None
    try:
        place = SearchCursor.decode(request.cursor)
    except ValueError as error:
        detail = f"cursor: {error}; give `next_cursor` of a page as it was, or begin without one"
        raise Problem(422, "invalid-request", detail) from error
    if place.question != fingerprint(request):
        detail = "cursor: it continues another question; only `k` may change from page to page"
        raise Problem(422, "invalid-request", detail)
    if place.version != version:
        detail = (
            f"the cursor is of index {place.version}, and {version} is served by now; begin again"
        )
        raise Problem(409, "index-changed", detail)
    return place


def page_of(
    results: Sequence[Result],
    request: SearchRequest,
    version: str,
    after: SearchCursor | None,
    wanted: int,
) -> tuple[list[Result], str | None]:
    """Up to k results after the place, and the next cursor where there are more.

    `results` were cut at `wanted`. If tracks came back meanwhile, what is behind them is cut off,
    so a page may hold fewer than k and still not be the last.
    """
    rest = results if after is None else _rest(results, after, by_score=not request.diversity)
    page = list(rest[: request.k])
    if len(rest) <= request.k and (len(results) < wanted or wanted == MAX_RANKED):
        return page, None
    if page:
        seen, last = results.index(page[-1]) + 1, page[-1]
        place = SearchCursor(version, fingerprint(request), seen, last.score, last.track_id)
    elif after:
        place = replace(after, seen=len(results))
    else:
        return page, None
    return page, place.encode()


def _rest(results: Sequence[Result], after: SearchCursor, *, by_score: bool) -> list[Result]:
    """By score, what comes after the last one seen, wherever that is now: tracks may have left the
    collection meanwhile. With diversity there is no such order, and places are counted."""
    if not by_score:
        return list(results[after.seen :])
    last = -after.score, after.track_id
    return list(dropwhile(lambda result: (-result.score, result.track_id) <= last, results))
