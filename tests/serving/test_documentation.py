"""docs/api.md and README.md: every route, every type of problem, and curl lines that work."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serving.problems import PROBLEM_TYPES
from serving.search import upload_model
from tests.fakes import FakeModel
from tests.sounds import song

from .collection import SPACE

PROJECT = Path(__file__).parents[2]
API = (PROJECT / "docs/api.md").read_text()


def curl_lines(text: str) -> list[list[str]]:
    """The arguments of each command, which may go on in indented lines."""
    blocks = re.findall(r"^    curl (?:.*\n)(?:         .*\n)*", text, re.MULTILINE)
    return [shlex.split(block.replace("\\\n", " ")) for block in blocks]


COMMANDS = curl_lines(API) + curl_lines((PROJECT / "README.md").read_text())


async def test_every_route_is_described(offline_api: httpx.AsyncClient) -> None:
    document = (await offline_api.get("/openapi.json")).json()
    described = set(re.findall(r"^\| `([A-Z]+ /[^`?]*)`", API, re.MULTILINE))
    assert described == {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }


def test_every_type_of_problem_is_described() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.*) \|$", API, re.MULTILINE)
    assert rows == [(kind, str(each.status), each.meaning) for kind, each in PROBLEM_TYPES.items()]


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) >= 10


def request_of(arguments: list[str], folder: Path) -> httpx.Request:
    words: Iterator[str] = iter(arguments[1:])
    headers: dict[str, str] = {}
    content, url, accepted = b"", "", ("-H", "-d", "--form", "-o")
    files: dict[str, bytes] = {}
    for word in words:
        assert word in accepted or word.startswith("http"), word
        match word:
            case "-H":
                name, _, value = next(words).partition(":")
                headers[name] = value.strip()
            case "-d":
                content = next(words).encode()
            case "--form":
                name, _, value = next(words).partition("=@")
                files[name] = (folder / value).read_bytes()
            case "-o":
                next(words)
            case _:
                url = word
    parts = urlsplit(url)
    return httpx.Request(
        "POST" if content or files else "GET",
        f"http://127.0.0.1{parts.path}?{parts.query}",
        headers=headers,
        content=content or None,
        files=files or None,
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[-1][:60])
async def test_curl_line_works(
    arguments: list[str],
    documented: httpx.AsyncClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeModel(SPACE)
    monkeypatch.setattr(upload_model, "space_for", lambda _: model.space)
    monkeypatch.setattr(upload_model, "load_embedder", lambda _: model.load())
    if "file=@song.mp3" in arguments:
        song(tmp_path / "song.mp3", seconds=2.0, seed=3)
    answer = await documented.send(request_of(arguments, tmp_path))
    assert answer.status_code == 200, answer.text
    if "application/json" in answer.headers["content-type"] and "items" in answer.json():
        assert answer.json()["items"]
