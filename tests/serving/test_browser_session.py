"""Sessions of browsers: what the cookie holds, whom it admits, and what ends it."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from serving import browser_sessions, key_ring
from serving.browser_sessions import COOKIE, Token
from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.patience import PATIENCE

from .conftest import KEY
from .server import answering_alone, both_workers, server
from .service import eventually, problem_of, running
from .test_keys import eventually_answers, make, revoke

SESSION = "/v1/session"
HERE = {"Origin": "http://127.0.0.1"}


@pytest.fixture
def _read_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "KEY_POLL_SECONDS", 0.05)
    monkeypatch.setattr(browser_sessions, "NEW_KEY_SECONDS", 0.0)


@pytest.fixture
def locked(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_key": SecretStr(KEY)})


@pytest.fixture
async def locked_api(locked: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(locked) as api:
        yield api


async def sign_in(api: httpx.AsyncClient, key: str) -> httpx.Response:
    """Open a session as the page does; httpx keeps the cookie from then on."""
    return await api.post(SESSION, headers={"X-API-Key": key, **HERE})


async def test_without_keys_no_cookie_is_set(api: httpx.AsyncClient) -> None:
    answer = await api.post(SESSION, headers=HERE)
    assert answer.json()["name"] == "owner"
    assert "set-cookie" not in answer.headers
    assert (await api.get(SESSION)).json()["scope"] == "admin"


async def test_a_cookie_stands_for_the_key_and_does_not_hold_it(
    locked_api: httpx.AsyncClient,
) -> None:
    problem_of(await locked_api.get(SESSION), 401)
    problem_of(await sign_in(locked_api, "wrong"), 401)
    answer = await sign_in(locked_api, KEY)
    cookie = answer.headers["set-cookie"]
    assert KEY not in cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes  # over plain HTTP no browser would send it
    assert (await locked_api.get("/v1/tracks")).is_success
    assert (await locked_api.get(SESSION)).json()["name"] == "SOUNDALIKE_API_KEY"


async def test_over_https_the_cookie_stays_there(locked_api: httpx.AsyncClient) -> None:
    url = f"https://127.0.0.1{SESSION}"
    answer = await locked_api.post(url, headers={"X-API-Key": KEY})
    assert "; Secure" in answer.headers["set-cookie"]


async def test_no_part_and_no_change_of_a_cookie_admits(locked_api: httpx.AsyncClient) -> None:
    await sign_in(locked_api, KEY)
    whole = locked_api.cookies[COOKIE]
    locked_api.cookies.clear()
    token = Token.parse(whole)
    assert token is not None
    changed = [
        f"{token.reference}.{token.ends + 1}.{token.signature}",
        f"1.{token.ends}.{token.signature}",
        f"{token.reference}.{token.ends}.{token.signature[:-1]}",
        f"{token.reference}.{token.ends}.{'0' * 64}",
        f"{token.reference}.{token.ends}.",
        *("", "..", "settings", whole + ".", "x" * 9000, KEY, f"settings.9{'9' * 5000}.a"),
    ]
    for cookie in changed:
        answer = await locked_api.get("/v1/tracks", headers={"Cookie": f"{COOKIE}={cookie}"})
        problem_of(answer, 401)
    whole_again = await locked_api.get("/v1/tracks", headers={"Cookie": f"{COOKIE}={whole}"})
    assert whole_again.is_success


async def test_an_old_cookie_is_over(
    locked_api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_sessions, "SESSION_SECONDS", -1)
    answer = await sign_in(locked_api, KEY)
    cookie = answer.headers["set-cookie"].split(";")[0]
    problem_of(await locked_api.get("/v1/tracks", headers={"Cookie": cookie}), 401)


@pytest.mark.usefixtures("_read_often")
async def test_a_key_that_is_revoked_or_replaced_ends_its_sessions(
    api: httpx.AsyncClient, sessions: Sessions, settings: Settings
) -> None:
    phone = (await make(sessions, "phone"))["X-API-Key"]
    await make(sessions, "tv")
    await eventually_answers(api, 401)
    assert (await sign_in(api, phone)).json()["name"] == "phone"
    assert (await api.get("/v1/tracks")).is_success
    cookies = dict(api.cookies)
    await revoke(sessions, "phone")

    async def look() -> bool:
        return (await api.get("/v1/tracks")).status_code == 401

    await eventually(look)
    other = settings.model_copy(update={"api_key": SecretStr("another")})
    async with running(other) as replaced:
        replaced.cookies.update(cookies)
        problem_of(await replaced.get("/v1/tracks"), 401)


async def test_a_session_of_the_settings_key_ends_with_it(locked: Settings) -> None:
    async with running(locked) as api:
        await sign_in(api, KEY)
        cookies = dict(api.cookies)
    async with running(locked.model_copy(update={"api_key": SecretStr("new")})) as api:
        api.cookies.update(cookies)
        problem_of(await api.get("/v1/tracks"), 401)


async def test_a_worker_reads_the_keys_for_a_session_of_one_that_it_does_not_know(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "KEY_POLL_SECONDS", 1e6)
    monkeypatch.setattr(browser_sessions, "NEW_KEY_SECONDS", 0.0)
    await make(sessions, "tv")
    async with running(settings) as one:
        phone = (await make(sessions, "phone"))["X-API-Key"]
        async with running(settings) as other:
            await sign_in(other, phone)
        one.cookies.update(other.cookies)
        assert (await one.get(SESSION)).json()["name"] == "phone"


@pytest.mark.usefixtures("_read_often")
async def test_a_session_has_the_scope_of_its_key(
    api: httpx.AsyncClient, sessions: Sessions
) -> None:
    phone = (await make(sessions, "phone"))["X-API-Key"]
    await eventually_answers(api, 401)
    await sign_in(api, phone)
    answer = await api.post("/v1/failures/retry", json={}, headers=HERE)
    assert problem_of(answer, 403)["type"].endswith("forbidden")


async def test_a_write_by_cookie_says_its_origin(locked_api: httpx.AsyncClient) -> None:
    await sign_in(locked_api, KEY)
    url = "/v1/failures/retry"
    for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        answer = await locked_api.post(url, json={}, headers=headers)
        assert problem_of(answer, 403)["type"].endswith("cross-site")
    for headers in (HERE, {"Sec-Fetch-Site": "same-origin"}):
        assert (await locked_api.post(url, json={}, headers=headers)).is_success


async def test_a_program_that_sends_its_key_too_needs_no_origin(
    locked_api: httpx.AsyncClient,
) -> None:
    await sign_in(locked_api, KEY)
    assert (await locked_api.delete(SESSION, headers={"X-API-Key": KEY})).is_success


async def test_without_the_secret_all_sessions_are_over_and_new_ones_can_begin(
    locked_api: httpx.AsyncClient, store: ArtifactStore
) -> None:
    await sign_in(locked_api, KEY)
    store.session_secret.unlink()
    problem_of(await locked_api.get(SESSION), 401)
    await sign_in(locked_api, KEY)
    assert (await locked_api.get(SESSION)).is_success


async def test_signing_out_deletes_the_cookie(locked_api: httpx.AsyncClient) -> None:
    await sign_in(locked_api, KEY)
    assert (await locked_api.delete(SESSION, headers=HERE)).is_success
    assert COOKIE not in locked_api.cookies
    problem_of(await locked_api.get("/v1/tracks"), 401)


@pytest.mark.slow
async def test_every_worker_knows_the_session(
    settings: Settings, sessions: Sessions, store: ArtifactStore, tmp_path: Path
) -> None:
    phone = (await make(sessions, "phone"))["X-API-Key"]
    async with server(settings, tmp_path / "log", workers=2) as (process, url):
        async with httpx.AsyncClient(base_url=url) as api:
            answer = await api.post(SESSION, headers={"X-API-Key": phone})
            cookies = dict(api.cookies)
        assert answer.is_success
        for worker in await both_workers(process.pid):
            async with httpx.AsyncClient(base_url=url, cookies=cookies, timeout=PATIENCE) as api:
                with answering_alone(worker, process.pid):
                    assert (await api.get("/v1/tracks")).is_success
    assert stat.S_IMODE(store.session_secret.stat().st_mode) == 0o600
    assert phone not in (tmp_path / "log").read_text()
