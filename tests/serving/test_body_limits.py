"""The limits of bodies as they are by default: those that docs/api.md tells."""

from collections.abc import AsyncIterator

import httpx
import pytest

from .service import problem_of

JSON = {"Content-Type": "application/json"}
MIB = 2**20


async def parts(size: int, count: int) -> AsyncIterator[bytes]:
    """A body whose length nobody declares."""
    for _ in range(count):
        yield b" " * size


async def test_a_body_of_a_mebibyte_is_read_and_one_more_byte_is_not(
    offline_api: httpx.AsyncClient,
) -> None:
    answer = await offline_api.post("/v1/search", content=b" " * MIB, headers=JSON)
    assert answer.status_code in (400, 422), "it is no JSON, and that was seen"
    answer = await offline_api.post("/v1/search", content=b" " * (MIB + 1), headers=JSON)
    assert str(MIB) in problem_of(answer, 413)["detail"]


async def test_the_parts_of_a_body_without_a_length_are_added_up(
    offline_api: httpx.AsyncClient,
) -> None:
    answer = await offline_api.post("/v1/search", content=parts(MIB // 4, 4), headers=JSON)
    assert answer.status_code in (400, 422)
    answer = await offline_api.post("/v1/search", content=parts(MIB // 4, 5), headers=JSON)
    problem_of(answer, 413)


@pytest.mark.parametrize("declared", ["1048577", str(64 * MIB)])
async def test_an_upload_may_have_64_mebibytes(
    declared: str, offline_api: httpx.AsyncClient
) -> None:
    headers = {"Content-Length": declared}
    answer = await offline_api.post("/v1/search/audio", content=b"", headers=headers)
    assert problem_of(answer, 503)["type"].endswith("no-index"), "its size was no reason"


async def test_an_upload_of_more_is_refused_before_it_is_sent(
    offline_api: httpx.AsyncClient,
) -> None:
    headers = {"Content-Length": str(64 * MIB + 1)}
    answer = await offline_api.post("/v1/search/audio", content=b"", headers=headers)
    problem_of(answer, 413)
