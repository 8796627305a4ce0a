"""Pages must hold every result once, in order, whatever their sizes; and refuse foreign cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import Problem
from serving.schemas.search_requests import SearchRequest
from serving.search.cursor import SearchCursor, fingerprint, page_of, parse_cursor
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.ranking import Result

VERSION = "v1"


def asked(limit: int, cursor: str | None = None, diversity: float = 0.0) -> SearchRequest:
    return SearchRequest(positive=["x"], limit=limit, cursor=cursor, diversity=diversity)


# Few different scores, so that pages end within ties.
LISTS = st.lists(st.sampled_from([0.9, 0.5, 0.5000001, 0.0, -0.25]), max_size=40).map(
    lambda scores: [
        Result(rank, f"t{number:03d}", score, None)
        for rank, (score, number) in enumerate(
            sorted(((score, n) for n, score in enumerate(scores)), key=lambda s: (-s[0], s[1])), 1
        )
    ]
)


def page_for(results: list[Result], request: SearchRequest) -> tuple[list[Result], str | None]:
    """As the route does it: ranked as far as the page needs, and one more."""
    place = parse_cursor(request, VERSION)
    wanted = (place.seen if place else 0) + request.limit + 1
    return page_of(results[:wanted], request, VERSION, place, wanted)


@given(
    results=LISTS,
    sizes=st.lists(st.integers(1, 9), min_size=1),
    diversity=st.sampled_from([0, 0.5]),
)
def test_pages_put_together_are_the_list(
    results: list[Result], sizes: list[int], diversity: float
) -> None:
    if diversity:
        results = results[::2] + results[1::2]  # no order by score
    seen: list[Result] = []
    cursor = None
    for number in range(len(results) + 1):
        request = asked(sizes[number % len(sizes)], cursor, diversity)
        page, cursor = page_for(results, request)
        assert len(page) <= request.limit
        seen += page
        if cursor is None:
            break
    assert seen == results
    assert cursor is None


@given(results=LISTS, away=st.sets(st.integers(0, 39)), k=st.integers(1, 9))
def test_tracks_that_come_back_between_pages_hide_no_other(
    results: list[Result], away: set[int], k: int
) -> None:
    there = [result for result in results if int(result.track_id[1:]) not in away]
    first, cursor = page_for(there, asked(k))
    seen = list(first)
    for _ in range(len(results) + 1):
        if cursor is None:
            break
        page, cursor = page_for(results, asked(k, cursor))
        seen += page
    assert cursor is None
    if len(there) > k:
        last = (-first[-1].score, first[-1].track_id)
        behind = [r for r in results if (-r.score, r.track_id) > last]
        assert seen == first + behind


@given(results=LISTS, gone=st.integers(0, 39), k=st.integers(1, 9))
def test_a_track_that_leaves_between_pages_hides_no_other(
    results: list[Result], gone: int, k: int
) -> None:
    request = asked(k)
    first, cursor = page_for(results, request)
    if cursor is None:
        return
    left = [result for result in results if result.track_id != f"t{gone:03d}"]
    request = asked(200, cursor)
    rest, _ = page_for(left, request)
    assert rest == [result for result in left if result not in first]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "WyJ2MSJd",
        "W" * 4000,
        "bnVsbA==",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_422(cursor: str) -> None:
    request = asked(3, cursor)
    if not cursor:
        assert parse_cursor(request, VERSION) is None
        return
    with pytest.raises(Problem) as caught:
        parse_cursor(request, VERSION)
    assert caught.value.status == 422


@pytest.mark.parametrize("seen", [-1, 0, MAX_RANKED + 1, 10**18])
def test_a_forged_cursor_that_saw_nothing_or_more_than_there_is_is_422(seen: int) -> None:
    """Everything else of it is as this API writes it."""
    forged = SearchCursor(VERSION, fingerprint(asked(3)), seen, 0.5, "t").encode()
    with pytest.raises(Problem, match="not a cursor of this API") as caught:
        parse_cursor(asked(3, forged), VERSION)
    assert caught.value.status == 422
    for honest in (1, MAX_RANKED):
        cursor = SearchCursor(VERSION, fingerprint(asked(3)), honest, 0.5, "t")
        assert parse_cursor(asked(3, cursor.encode()), VERSION) == cursor


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_the_page_that_ends_at_the_greatest_depth_is_the_last(diversity: float) -> None:
    results = [
        Result(rank, f"t{rank:06d}", 1 - rank / 10**6, None) for rank in range(1, MAX_RANKED + 1)
    ]
    request = asked(3, diversity=diversity)
    last = results[-4]
    after = SearchCursor(VERSION, fingerprint(request), MAX_RANKED - 3, last.score, last.track_id)
    page, cursor = page_of(results, request, VERSION, after, MAX_RANKED)
    assert page == results[-3:]
    assert cursor is None


def test_a_cursor_of_another_question_or_version_is_refused() -> None:
    results = [Result(rank, f"t{rank}", 1 / rank, None) for rank in range(1, 10)]
    _, cursor = page_for(results, asked(3))
    with pytest.raises(Problem) as caught:
        parse_cursor(asked(3, cursor, diversity=0.1), VERSION)
    assert caught.value.status == 422
    with pytest.raises(Problem) as caught:
        parse_cursor(asked(3, cursor), "v2")
    assert (caught.value.status, caught.value.kind) == (409, "index-changed")
    place = parse_cursor(asked(5, cursor), VERSION)
    assert place is not None, "k may change"
    assert place.track_id == "t3"
