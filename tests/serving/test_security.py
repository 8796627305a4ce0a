"""The API key, and no open door without one."""

import httpx
import pytest
from pydantic import SecretStr

from serving.app import create_app
from serving.routes import health
from soundalike.errors import SettingsError
from soundalike.settings import Settings

from .service import problem_of, running

KEY = "s3cret-clé"
WITH_KEY = {b"X-API-Key": KEY.encode()}


@pytest.fixture
def locked(offline: Settings) -> Settings:
    return offline.model_copy(update={"api_key": SecretStr(KEY)})


WITHOUT_KEY: list[dict[str, str] | dict[bytes, bytes]] = [
    {},
    {"X-API-Key": "wrong"},
    {"X-API-Key": ""},
    {b"X-API-Key": b"\xff\xfe"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic czNjcmV0"},
]
CLOSED = ("/v1/tracks", "/v1/index", "/v1/tracks/x", "/metrics", "/docs/", "/docs/x", "/nope")
OPEN = ("/docs", "/openapi.json", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css")


@pytest.mark.parametrize("headers", WITHOUT_KEY)
async def test_without_the_key_nothing_is_told(
    headers: dict[str, str] | dict[bytes, bytes], locked: Settings
) -> None:
    async with running(locked) as api:
        for path in CLOSED:
            answer = await api.get(path, headers=headers)
            problem = problem_of(answer, 401)
            assert "SOUNDALIKE_API_KEY" in problem["detail"]
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert KEY not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        WITH_KEY,
        {b"Authorization": f"Bearer {KEY}".encode()},
        {b"Authorization": f"bearer {KEY}".encode()},
    ],
)
async def test_either_header_opens(headers: dict[bytes, bytes], locked: Settings) -> None:
    async with running(locked) as api:
        assert (await api.get("/metrics", headers=headers)).status_code == 200
        problem_of(await api.get("/nope", headers=headers), 404)


def test_only_the_two_health_checks_are_open() -> None:
    assert {getattr(route, "path", None) for route in health.router.routes} == {
        "/health/live",
        "/health/ready",
    }


async def test_documentation_needs_no_key_and_asks_for_it(locked: Settings) -> None:
    async with running(locked) as api:
        for path in OPEN:
            assert (await api.get(path)).status_code == 200
        assert (await api.get("/")).headers["location"] == "/docs"
        schemes = (await api.get("/openapi.json")).json()["components"]["securitySchemes"]
    assert set(schemes) == {"APIKeyHeader", "HTTPBearer"}, "the Authorize button"


async def test_health_needs_no_key_and_nothing_hides_behind_its_path(locked: Settings) -> None:
    async with running(locked) as api:
        assert (await api.get("/health/live")).status_code == 200
        problem_of(await api.get("/health/ready"), 503)
        transport = await api.send(_raw("/health/live/../../v1/tracks"))
        problem_of(transport, 401)


def _raw(path: str) -> httpx.Request:
    request = httpx.Request("GET", "http://api/")
    request.url = request.url.copy_with(raw_path=path.encode())
    return request


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "music.lan", ""])
def test_open_to_the_network_without_a_key_is_refused(host: str, offline: Settings) -> None:
    exposed = offline.model_copy(update={"host": host})
    with pytest.raises(SettingsError, match=r"SOUNDALIKE_HOST=.*SOUNDALIKE_API_KEY"):
        create_app(exposed)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "music.lan"])
def test_open_to_the_network_with_a_key_is_fine(host: str, locked: Settings) -> None:
    assert create_app(locked.model_copy(update={"host": host})).title == "soundalike"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str, offline: Settings) -> None:
    assert create_app(offline.model_copy(update={"host": host})).title == "soundalike"


def test_empty_key_is_no_key() -> None:
    empty = Settings(host="0.0.0.0", api_key="")
    with pytest.raises(SettingsError):
        create_app(empty)
