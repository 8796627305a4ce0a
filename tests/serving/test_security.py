"""The API key, and no open door without one."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from serving.app import create_app
from serving.limits import MAX_FAILED_KEYS, MAX_KNOWN_ADDRESSES
from serving.middleware import api_key
from serving.middleware.api_key import FailedKeys
from serving.routes import health
from soundalike.errors import SettingsError
from soundalike.settings import Settings

from .server import server
from .service import problem_of, running

KEY = "s3cret-clé"
WITH_KEY = {b"X-API-Key": KEY.encode()}


@pytest.fixture
def locked(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_key": SecretStr(KEY)})


WITHOUT_KEY: list[dict[str, str] | dict[bytes, bytes]] = [
    {},
    {"X-API-Key": "wrong"},
    {"X-API-Key": ""},
    {b"X-API-Key": b"\xff\xfe"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic czNjcmV0"},
]
CLOSED = (
    "/v1/tracks",
    "/v1/index",
    "/v1/tracks/x",
    "/metrics",
    "/docs/",
    "/docs/x",
    "/nope",
    "/web/",
    "/web/x",
)
OPEN = (
    "/",
    "/web/app.js",
    "/docs",
    "/openapi.json",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
)


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
        schemes = (await api.get("/openapi.json")).json()["components"]["securitySchemes"]
    assert set(schemes) == {"APIKeyHeader", "HTTPBearer"}, "the Authorize button"


async def test_health_needs_no_key_and_nothing_hides_behind_its_path(locked: Settings) -> None:
    async with running(locked) as api:
        assert (await api.get("/health/live")).status_code == 200
        problem_of(await api.get("/health/ready"), 503)


HIDING = [
    "/health/live/../../v1/tracks",
    "/health/live/..%2f..%2fv1/tracks",
    "/health/live/%2e%2e/%2e%2e/v1/tracks",
    "/health/../v1/tracks",
    "/docs/../v1/tracks",
    "/health/live/v1/tracks",
    "/health/live;/v1/tracks",
    "/health/live%00/v1/tracks",
    "//v1/tracks",
]


@pytest.mark.slow
async def test_nothing_hides_behind_a_path_that_needs_no_key(
    offline: Settings, tmp_path: Path
) -> None:
    """Written by hand, as clients resolve `..` before they send a path."""
    async with server(offline, tmp_path / "log") as (_, url):
        address = url.removeprefix("http://").split(":")
        for path in ["/health/live", *HIDING]:
            reader, writer = await asyncio.open_connection(address[0], int(address[1]))
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            status = (await reader.readline()).split()[1]
            writer.close()
            assert status == (b"200" if path == "/health/live" else b"401"), path


async def test_nothing_like_the_key_admits(locked: Settings) -> None:
    whole = KEY.encode()
    near = [whole[:-1], whole[:8], whole[1:], whole + b"x", whole.upper(), whole + whole]
    assert len(near) < MAX_FAILED_KEYS
    async with running(locked) as api:
        for number, key in enumerate(near):
            headers = {b"X-API-Key": key} if number % 2 else {b"Authorization": b"Bearer " + key}
            problem_of(await api.get("/metrics", headers=headers), 401)
        assert (await api.get("/metrics", headers=WITH_KEY)).is_success


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "music.lan", ""])
def test_open_to_the_network_without_a_key_is_refused(host: str, settings: Settings) -> None:
    exposed = settings.model_copy(update={"host": host})
    with pytest.raises(SettingsError, match=r"SOUNDALIKE_HOST=.*SOUNDALIKE_API_KEY"):
        create_app(exposed)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "music.lan"])
def test_open_to_the_network_with_a_key_is_fine(host: str, locked: Settings) -> None:
    assert create_app(locked.model_copy(update={"host": host})).title == "soundalike"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str, settings: Settings) -> None:
    assert create_app(settings.model_copy(update={"host": host})).title == "soundalike"


def test_empty_key_is_no_key() -> None:
    empty = Settings(host="0.0.0.0", api_key="")
    with pytest.raises(SettingsError):
        create_app(empty)


async def test_a_catalog_that_was_never_read_is_no_server_without_keys(offline: Settings) -> None:
    """It may have keys: to make one is no advice."""
    async with running(offline.model_copy(update={"api_key": None})) as api:
        for server in ("192.168.1.5", "127.0.0.1"):
            problem = problem_of(await api.get(f"http://{server}/v1/tracks"), 503)
            assert problem["type"].endswith("catalog-unreachable")


@pytest.mark.parametrize("server", ["192.168.1.5", "[2001:db8::1]", "0.0.0.0"])
async def test_a_socket_beyond_loopback_serves_nobody_without_a_key(
    server: str, settings: Settings, locked: Settings
) -> None:
    """The settings say loopback: another server's own options may say otherwise."""
    async with running(settings) as api:
        problem = problem_of(await api.get(f"http://{server}/health/live"), 403)
        assert problem["type"].endswith("open-without-key")
        assert (await api.get("http://[::1]/health/live")).is_success
    async with running(locked) as api:
        assert (await api.get(f"http://{server}/health/live")).is_success


KNOWN = ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:80", "10.1.2.3", "music.lan", ""]
UNKNOWN = [
    "evil.example",
    "localhost.evil.example",
    "music.lan.evil.example",
    "[",
    "127.0.0.1.nip.io",
]


async def test_a_name_that_is_not_ours_is_refused(offline: Settings) -> None:
    """Any name can be pointed at 127.0.0.1, and a browser then lets its pages read the answers."""
    async with running(offline.model_copy(update={"hosts": ("Music.lan",)})) as api:
        for host in KNOWN:
            answer = await api.get("/health/live", headers={"Host": host})
            assert answer.status_code == 200, host
        for host in UNKNOWN:
            problem = problem_of(await api.get("/health/live", headers={"Host": host}), 421)
            assert "SOUNDALIKE_HOSTS" in problem["detail"]
    async with running(offline.model_copy(update={"hosts": ("*",)})) as api:
        assert (await api.get("/health/live", headers={"Host": "evil.example"})).is_success
    async with running(offline.model_copy(update={"hosts": ()})) as api:
        problem_of(await api.get("/health/live", headers={"Host": "evil.example"}), 421)


async def test_another_site_makes_no_browser_post(settings: Settings) -> None:
    crossing = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5000"},
    ]
    own = [{}, {"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin"}]
    page = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"}
    async with running(settings) as api:
        for headers in [*crossing, page]:
            problem = problem_of(await api.post("/v1/search", headers=headers, json={}), 403)
            assert problem["type"].endswith("cross-site")
            assert (
                "access-control-allow-origin" not in (await api.get("/", headers=headers)).headers
            )
        for headers in own:
            assert (await api.post("/v1/search", headers=headers, json={})).status_code != 403
    async with running(settings.model_copy(update={"cors_origins": (page["Origin"],)})) as api:
        answer = await api.post("/v1/search", headers=page, json={})
        assert answer.status_code != 403
        assert answer.headers["access-control-allow-origin"] == page["Origin"]
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "X-API-Key",
        }
        assert (await api.options("/v1/search", headers=page | asked)).is_success
        problem_of(await api.post("/v1/search", headers=crossing[0], json={}), 403)


async def test_many_wrong_keys_of_one_address_are_not_looked_at(locked: Settings) -> None:
    async with running(locked) as api:
        for _ in range(MAX_FAILED_KEYS):
            problem_of(await api.get("/v1/index", headers={"X-API-Key": "wrong"}), 401)
        answer = await api.get("/v1/index", headers=WITH_KEY)
        assert problem_of(answer, 429)["type"].endswith("wrong-keys")
        assert answer.headers["retry-after"]
        problem_of(await api.get("/v1/index"), 401)
        assert (await api.get("/health/live", headers={"X-API-Key": "wrong"})).is_success


async def test_requests_without_a_key_are_no_wrong_keys(locked: Settings) -> None:
    async with running(locked) as api:
        for _ in range(MAX_FAILED_KEYS + 1):
            problem_of(await api.get("/v1/index"), 401)
        problem_of(await api.get("/v1/index", headers={"X-API-Key": "wrong"}), 401)


def test_wrong_keys_are_counted_by_address_for_a_minute_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = FailedKeys()
    for _ in range(MAX_FAILED_KEYS):
        failed.add("a")
    assert failed.too_many("a")
    assert not failed.too_many("b")
    for number in range(MAX_KNOWN_ADDRESSES):
        failed.add(f"other {number}")
    assert not failed.too_many("a"), "the longest known made room"
    monkeypatch.setattr(api_key, "FAILED_KEY_SECONDS", 0)
    for _ in range(2 * MAX_FAILED_KEYS):
        failed.add("b")
    assert not failed.too_many("b")


async def test_a_foreign_bearer_beside_our_key_passes(locked: Settings) -> None:
    headers = {**WITH_KEY, b"Authorization": b"Bearer of-another-proxy"}
    async with running(locked) as api:
        assert (await api.get("/metrics", headers=headers)).status_code == 200


async def test_answers_say_what_browsers_and_proxies_must_not_do(locked: Settings) -> None:
    async with running(locked) as api:
        for path in ("/health/live", "/nope", "/metrics"):
            answer = await api.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "private, no-cache"
        long = await api.get("/metrics", headers=WITH_KEY)
        assert long.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in (await api.get("/health/live")).headers
