"""The rate limit: a key that sends too many is told when to come back; others are not held up."""

import httpx
import pytest

from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings

from .service import problem_of, running
from .test_keys import make

LIMIT = 3


def left(answer: httpx.Response) -> dict[str, int]:
    """The fields of the RateLimit header."""
    name, *fields = answer.headers["ratelimit"].split(";")
    assert name == '"key"'
    return {field.partition("=")[0]: int(field.partition("=")[2]) for field in fields}


async def test_a_key_has_so_many_requests_and_no_other_pays_for_it(
    settings: Settings, sessions: Sessions
) -> None:
    phone, tv = await make(sessions, "phone"), await make(sessions, "tv")
    async with running(settings.model_copy(update={"rate_limit": f"{LIMIT}/day"})) as api:
        for number in range(LIMIT):
            answer = await api.get("/v1/tracks", headers=phone)
            assert answer.is_success
            assert left(answer)["r"] == LIMIT - number - 1
            assert answer.headers["ratelimit-policy"] == '"key";q=3;w=86400'
        answer = await api.get("/v1/tracks", headers=phone)
        assert problem_of(answer, 429)["type"].endswith("rate-limited")
        assert left(answer) == {"r": 0, "t": int(answer.headers["retry-after"])}
        assert 0 < left(answer)["t"] <= 86400
        numbers = (await api.get("/metrics", headers=tv)).text
        assert "soundalike_rate_limited_requests_total 1.0" in numbers
        health = await api.get("/health/live", headers=phone)
        assert health.is_success
        assert "ratelimit" not in health.headers
        problem_of(await api.get("/v1/tracks"), 401)


async def test_without_the_setting_nothing_is_limited(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/tracks")
    assert answer.is_success
    assert "ratelimit" not in answer.headers


async def test_an_owner_without_a_key_is_limited_too(settings: Settings) -> None:
    async with running(settings.model_copy(update={"rate_limit": "1/day"})) as api:
        assert (await api.get("/v1/tracks")).is_success
        problem_of(await api.get("/v1/tracks"), 429)


@pytest.mark.parametrize("value", ["600", "0/minute", "often", "5 per second", "1/minute;2/hour"])
def test_what_is_no_limit_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        Settings(rate_limit=value)
