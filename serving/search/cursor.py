"""Pages of a search: a cursor holds the query, the index version and where to continue."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile

from serving.cursors import decode_cursor, encode_cursor, invalid_cursor
from serving.errors import Problem
from serving.schemas.search_requests import SearchRequest
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.ranking import Result

FINGERPRINT_DIGITS = 16  # hex


def fingerprint(request: SearchRequest) -> str:
    """Hash a search without its cursor and limit: hex digits, the same for all of its pages."""
    query = request.model_dump_json(exclude={"cursor", "limit"})
    return hashlib.sha256(query.encode()).hexdigest()[:FINGERPRINT_DIGITS]


@dataclass(frozen=True)
class SearchCursor:
    """The end of a page: how many results were seen, and which one was the last."""

    version: str
    query: str
    seen: int
    score: float
    track_id: str

    def encode(self) -> str:
        """Write the cursor as an opaque, URL-safe text."""
        return encode_cursor(self.version, self.query, self.seen, self.score, self.track_id)


def parse_cursor(request: SearchRequest, version: str) -> SearchCursor | None:
    """Parse the request's cursor; None for the first page.

    Raises Problem: 422 for an invalid cursor or one of another request, 409 for one of another
    version, whose scores and positions are not those of this one.
    """
    if not request.cursor:
        return None
    cursor = SearchCursor(*decode_cursor(request.cursor, str, str, int, float, str))
    if not 0 < cursor.seen <= MAX_RANKED:
        raise invalid_cursor()
    if cursor.query != fingerprint(request):
        detail = "cursor: it belongs to another request; only `limit` may change from page to page"
        raise Problem(422, "invalid-request", detail)
    if cursor.version != version:
        detail = (
            f"the cursor belongs to index version {cursor.version}, but {version} is served now; "
            "start again without a cursor"
        )
        raise Problem(409, "index-changed", detail)
    return cursor


def page_of(
    results: Sequence[Result],
    request: SearchRequest,
    version: str,
    after: SearchCursor | None,
    ranked: int,
) -> tuple[list[Result], str | None]:
    """Return up to `request.limit` results after the cursor, and the next cursor if there are more.

    `results` were cut at `ranked`. If tracks reappeared meanwhile, the results behind them are cut
    off, so a page may hold fewer than the limit and still not be the last.
    """
    rest = results if after is None else _after(results, after, by_score=not request.diversity)
    page = list(rest[: request.limit])
    if len(rest) <= request.limit and (len(results) < ranked or ranked == MAX_RANKED):
        return page, None
    if page:
        seen, last = results.index(page[-1]) + 1, page[-1]
        cursor = SearchCursor(version, fingerprint(request), seen, last.score, last.track_id)
    elif after:
        cursor = replace(after, seen=len(results))
    else:
        return page, None
    return page, cursor.encode()


def _after(results: Sequence[Result], cursor: SearchCursor, *, by_score: bool) -> list[Result]:
    """Return the results behind the cursor.

    By score, those that rank after the last one seen, whose position may have changed: tracks may
    have left the collection meanwhile. With diversity there is no such order, and results are
    skipped by count.
    """
    if not by_score:
        return list(results[cursor.seen :])
    last = -cursor.score, cursor.track_id
    return list(dropwhile(lambda result: (-result.score, result.track_id) <= last, results))
