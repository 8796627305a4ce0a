"""The documentation that the code makes of itself."""

import httpx
from pydantic import SecretStr

from soundalike.settings import Settings

from .service import running


async def test_schema_builds_and_documents_problems(offline_api: httpx.AsyncClient) -> None:
    schema = (await offline_api.get("/openapi.json")).json()
    assert set(schema["paths"]) == {
        *("/health/live", "/health/ready", "/v1/index", "/v1/failures"),
        *("/v1/tracks", "/v1/tracks/{track_id}", "/v1/tracks/{track_id}/similar"),
        *("/v1/search", "/v1/search/audio", "/v1/paths"),
    }
    responses = schema["paths"]["/v1/tracks/{track_id}/similar"]["get"]["responses"]
    assert set(responses) == {"200", "404", "409", "422", "503"}
    for status in set(responses) - {"200"}:
        assert set(responses[status]["content"]) == {"application/problem+json"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "securitySchemes" not in schema["components"]


async def test_schema_says_how_to_send_the_key(offline: Settings) -> None:
    locked = offline.model_copy(update={"api_key": SecretStr("k")})
    async with running(locked) as api:
        schema = (await api.get("/openapi.json", headers={"X-API-Key": "k"})).json()
    assert schema["paths"]["/v1/tracks"]["get"]["security"] == [
        {"APIKeyHeader": []},
        {"HTTPBearer": []},
    ]
    assert "401" in schema["paths"]["/v1/index"]["get"]["responses"]
    assert "security" not in schema["paths"]["/health/live"]["get"]


async def test_docs_page_is_there(offline_api: httpx.AsyncClient) -> None:
    assert (await offline_api.get("/docs")).status_code == 200
