"""Audio that a client sends: heard as an ingest hears it, bounded, and nobody else's trouble."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import ClientDisconnect

from serving import middleware
from serving.errors import as_problem
from serving.search import uploads
from serving.search.uploads import UploadEmbedder
from soundalike.embedders import space_for
from soundalike.errors import WeightsError
from soundalike.settings import Settings
from soundalike.vectors.index_files import IndexManifest
from tests.fakes import FakeModel
from tests.library import Library
from tests.sounds import music, song, write_audio

from .service import problem_of, running


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """What the settings name, for the service."""
    made = FakeModel()
    monkeypatch.setattr(uploads, "space_for", lambda _: made.space)
    monkeypatch.setattr(uploads, "load_embedder", lambda _: made.load())
    return made


@pytest.fixture
async def served(library: Library, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service over five ingested songs."""
    for seed in range(5):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.ingest()
    library.publish()
    settings = Settings(DATABASE_URL=database_url, data=library.store.root)
    async with running(settings) as client:
        yield client


async def ask(api: httpx.AsyncClient, file: Path, **parameters: str | int) -> httpx.Response:
    return await api.post("/v1/search/audio", content=file.read_bytes(), params=parameters)


async def test_another_encoding_of_a_song_finds_it_first(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    answer = (await ask(served, upload, limit=3)).json()
    assert answer["in_index"] is False
    assert [result["rank"] for result in answer["items"]] == [1, 2, 3]
    assert answer["items"][0]["track"]["path"] == "3.flac"
    assert answer["items"][0]["score"] > 0.99
    assert model.embedder.embedded == 1


async def test_audio_that_the_collection_has_needs_no_model(
    served: httpx.AsyncClient, model: FakeModel, library: Library
) -> None:
    answer = (await ask(served, library.music / "2.flac", limit=9)).json()
    assert answer["in_index"] is True
    paths = {result["track"]["path"] for result in answer["items"]}
    assert paths == {"0.flac", "1.flac", "3.flac", "4.flac"}, "itself left out"
    assert model.embedder.embedded == 0


async def test_filters_hold_for_uploads_too(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    answer = (await ask(served, upload, path_prefix="1")).json()
    assert [result["track"]["path"] for result in answer["items"]] == ["1.flac"]


@pytest.mark.parametrize("kind", ["words", "empty", "silence", "playlist"])
async def test_what_cannot_be_heard_says_why(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, kind: str
) -> None:
    upload = tmp_path / "x"
    if kind == "silence":
        write_audio(tmp_path / "x.wav", 0 * music(3.0)).rename(upload)
    else:
        upload.write_text(
            {"words": "words " * 99, "empty": "", "playlist": "#EXTM3U\n/etc/x"}[kind]
        )
    problem = problem_of(await ask(served, upload), 422)
    assert problem["type"].endswith("unusable-audio")
    codes = {"words": "not_audio", "empty": "empty", "silence": "silent", "playlist": "not_audio"}
    assert problem["detail"].startswith(codes[kind])


async def test_a_file_that_is_too_long_is_refused(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_SECONDS", 1.0)
    problem = problem_of(await ask(served, song(tmp_path / "x.ogg", seconds=2.0)), 422)
    assert "too_long" in problem["detail"]


async def test_a_body_that_is_too_large_is_refused(
    served: httpx.AsyncClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MAX_UPLOAD_BYTES", 1000)
    problem_of(await served.post("/v1/search/audio", content=b"x" * 1001), 413)


async def test_a_model_that_cannot_be_had_leaves_the_rest_at_work(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Settings) -> None:
        raise WeightsError("no weights in /models")

    monkeypatch.setattr(uploads, "load_embedder", gone)
    answer = await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    assert problem_of(answer, 503)["type"].endswith("model-unavailable")
    assert "/models" not in answer.text
    assert answer.headers["retry-after"]
    [track] = (await served.get("/v1/tracks", params={"limit": 1})).json()["items"]
    assert (await served.get(f"/v1/tracks/{track['id']}/similar")).is_success


async def test_a_model_of_another_space_is_not_compared(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeModel(model.space.__class__("other", "fake", 16, {"version": 9}))
    monkeypatch.setattr(uploads, "space_for", lambda _: other.space)
    problem = problem_of(await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3)), 409)
    assert model.space.key in problem["detail"]
    assert other.space.key in problem["detail"]


@pytest.mark.parametrize("windows", ["all", 3])
def test_uploads_are_embedded_as_the_served_index_was_made(windows: str | int) -> None:
    made_by = Settings(model="musicnn-msd", windows=windows)
    space = space_for(made_by)
    manifest = IndexManifest.model_construct(model=space.model, parameters=dict(space.parameters))
    followed = UploadEmbedder(Settings())._settings_for(manifest)
    assert space_for(followed).key == space.key
    explicit = UploadEmbedder(Settings(windows=5))._settings_for(manifest)
    assert (explicit.model, explicit.windows) == ("musicnn-msd", 5), "what is set is not replaced"


async def test_too_many_at_once_are_told_to_come_back(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 0)
    answer = await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    assert problem_of(answer, 503)["type"].endswith("busy")


async def test_a_body_that_does_not_arrive_takes_nobodys_place(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 1)
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT_SECONDS", 5.0)
    never = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"ID3"
        await never.wait()

    stalled = asyncio.create_task(served.post("/v1/search/audio", content=stalling()))
    answer = await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    assert answer.is_success
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT_SECONDS", 0.0)
    stalled.cancel()
    late = await served.post("/v1/search/audio", content=stalling())
    problem_of(late, 408)


async def test_a_client_that_hangs_up_is_no_error_of_ours(
    served: httpx.AsyncClient, model: FakeModel
) -> None:
    problem = as_problem(ClientDisconnect())
    assert (problem.status, problem.kind) == (400, "client-gone")


async def test_nothing_of_an_upload_is_kept(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    await ask(served, tmp_path / "x.mp3", limit=0)
    assert list((tmp_path / "tmp").iterdir()) == []
