"""A client generated from the document must understand errors as well as answers."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from serving.app import create_app
from serving.schemas.base import TRACK_ID
from soundalike.settings import Settings

GENERATE = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]


async def test_generated_client_parses_answers_and_problems(
    documented: httpx.AsyncClient,
    offline: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(create_app(offline).openapi()))
    where = ["--path", str(tmp_path / "openapi.json"), "--output-path", str(tmp_path / "made")]
    done = subprocess.run([*GENERATE, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout, done.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    from made.api.search import find_similar_tracks  # type: ignore[import-not-found]  # noqa: PLC0415 - made above
    from made.client import Client  # type: ignore[import-not-found]  # noqa: PLC0415 - made above
    from made.models import ProblemDetails, SimilarTracks  # type: ignore[import-not-found]  # noqa: PLC0415 - made above

    client = Client(base_url="http://api").set_async_httpx_client(documented)
    answer = await find_similar_tracks.asyncio(TRACK_ID, client=client, limit=3)
    assert isinstance(answer, SimilarTracks)
    assert len(answer.items) == 3
    problem = await find_similar_tracks.asyncio("nobody", client=client)
    assert isinstance(problem, ProblemDetails)
    assert problem.type_ == "urn:soundalike:problem:unknown-track"
