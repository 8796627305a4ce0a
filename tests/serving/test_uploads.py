"""Audio that a client sends: heard as an ingest hears it, bounded, and nobody else's trouble."""

import asyncio
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from serving.errors import as_problem
from serving.middleware import body_limits
from serving.search import upload_folder, upload_model, uploads
from serving.search.upload_folder import UploadFolder
from serving.search.upload_model import UploadModel
from soundalike.embedders import space_for
from soundalike.errors import WeightsError
from soundalike.settings import Settings
from soundalike.vectors.index_files import IndexManifest
from tests.audio.bombs import flac_bomb
from tests.fakes import FakeModel
from tests.library import Library
from tests.sounds import music, song, write_audio

from .service import problem_of, running


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """What the settings name, for the service."""
    made = FakeModel()
    monkeypatch.setattr(upload_model, "space_for", lambda _: made.space)
    monkeypatch.setattr(upload_model, "load_embedder", lambda _: made.load())
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
    numbers = (await served.get("/metrics")).text
    assert "soundalike_upload_seconds_count 1.0" in numbers
    assert "soundalike_decoder_starts_total 1.0" in numbers
    assert 'soundalike_decoder_processes{state="idle"} 1.0' in numbers
    assert "soundalike_uploads_in_progress 0.0" in numbers


@pytest.mark.slow
async def test_audio_that_the_collection_has_needs_no_model(
    served: httpx.AsyncClient, model: FakeModel, library: Library
) -> None:
    answer = (await ask(served, library.music / "2.flac", limit=9)).json()
    assert answer["in_index"] is True
    paths = {result["track"]["path"] for result in answer["items"]}
    assert paths == {"0.flac", "1.flac", "3.flac", "4.flac"}, "itself left out"
    assert model.embedder.embedded == 0


@pytest.mark.slow
async def test_filters_hold_for_uploads_too(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    answer = (await ask(served, upload, path_prefix="1")).json()
    assert [result["track"]["path"] for result in answer["items"]] == ["1.flac"]


async def test_further_searches_need_no_second_upload(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    first = (await ask(served, upload, limit=5)).json()
    body = {"vector": first["vector"], "limit": 5}
    again = (await served.post("/v1/search", json=body)).json()
    assert [each["track"]["id"] for each in again["items"]] == [
        each["track"]["id"] for each in first["items"]
    ]
    assert first["items"][0]["score"] == pytest.approx(again["items"][0]["score"], abs=1e-6)


UNUSABLE: dict[str, tuple[bytes, str]] = {
    "words": (b"words " * 99, "text"),
    "cut within a letter": (b"x" * 511 + "é".encode(), "text"),
    "nothing": (b"", "empty"),
    "M3U": (b"\xef\xbb\xbf#EXTM3U\n/etc/x", "playlist"),
    "PLS": (b"[playlist]\nFile1=http://example.org/", "playlist"),
    "XSPF": (b'<?xml version="1.0"?>\n<playlist version="1">', "playlist"),
    "ZIP": (b"PK\x03\x04" + bytes(99), "archive"),
    "tar": (bytes(257) + b"ustar" + bytes(300), "archive"),
    "bytes": (bytes(range(256)) * 9, "not_audio"),
}


@pytest.mark.slow
async def test_what_cannot_be_heard_says_why(served: httpx.AsyncClient, model: FakeModel) -> None:
    for kind, (content, code) in UNUSABLE.items():
        problem = problem_of(await served.post("/v1/search/audio", content=content), 422)
        assert problem["type"].endswith("unusable-audio")
        assert problem["code"] == code, kind
        assert problem["detail"].startswith(f"{code}: ")


@pytest.mark.slow
async def test_silence_says_so(served: httpx.AsyncClient, model: FakeModel, tmp_path: Path) -> None:
    upload = write_audio(tmp_path / "x.wav", 0 * music(3.0))
    assert problem_of(await ask(served, upload), 422)["code"] == "silent"


@pytest.mark.slow
async def test_a_form_is_the_same_as_its_file(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    plain = (await ask(served, upload)).json()
    for name in ("song.mp3", 'größer".ogg', ""):
        file = {"file": (name, upload.read_bytes(), "audio/mpeg")}
        form = await served.post("/v1/search/audio", files=file)
        assert form.json() == plain, "the frame is no part of the audio"


FORMS: dict[str, tuple[bytes, int]] = {
    "another part": (b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\na\r\n--x--\r\n', 422),
    "no part": (b"--x--\r\n", 422),
    "two files": (
        2 * b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n' + b"--x--\r\n",
        422,
    ),
    "no name": (b"--x\r\n\r\na\r\n--x--\r\n", 422),
    "cut off": (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na', 400),
    "no form": (b"audio", 400),
    "endless header": (b"--x\r\nContent-Disposition: " + b"a" * 10_000, 400),
}


async def test_a_form_that_is_none_is_named(served: httpx.AsyncClient, model: FakeModel) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for content, status in FORMS.values():
        problem_of(await served.post("/v1/search/audio", content=content, headers=headers), status)


NO_AUDIO = ("application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", "x")
AUDIO = ("", "audio/mpeg", "video/mp4", "application/ogg", "Application/Octet-Stream; a=b")


async def test_the_type_of_the_content_decides(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path
) -> None:
    content = song(tmp_path / "x.mp3", seconds=2.0, seed=3).read_bytes()
    for kind in NO_AUDIO:
        headers = {"Content-Type": kind}
        answer = await served.post("/v1/search/audio", content=content, headers=headers)
        assert "curl --form" in problem_of(answer, 415)["detail"]
        assert "multipart/form-data" in answer.headers["accept-post"]
    for kind in AUDIO:
        headers = {"Content-Type": kind} if kind else {}
        answer = await served.post("/v1/search/audio", content=content, headers=headers)
        assert answer.is_success, kind


async def test_a_file_that_is_too_long_is_refused(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_model, "MAX_UPLOAD_SECONDS", 1.0)
    problem = problem_of(await ask(served, song(tmp_path / "x.ogg", seconds=2.0)), 422)
    assert "too_long" in problem["detail"]


@pytest.mark.slow
async def test_an_upload_may_last_an_hour(served: httpx.AsyncClient, model: FakeModel) -> None:
    """Silence of less than the limit is decoded to its end, and refused as silent."""
    for hours, code in ((0.95, "silent"), (1.05, "too_long")):
        claimed = int(hours * 3600 * 8_000)
        answer = await served.post("/v1/search/audio", content=flac_bomb(hours, claimed))
        assert problem_of(answer, 422)["code"] == code


async def test_what_would_be_computed_is_bounded_by_the_header(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_model, "MAX_UPLOAD_SAMPLES", 44_100)
    problem = problem_of(await ask(served, song(tmp_path / "x.flac", seconds=2.0)), 422)
    assert problem["code"] == "too_many_samples"
    assert "44100 Hz" in problem["detail"]


async def test_a_header_that_understates_does_not_help(
    served: httpx.AsyncClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decodes for longer than its header says; the processor's seconds are bounded too."""
    monkeypatch.setattr(upload_model, "MAX_UPLOAD_CPU_SECONDS", 0.0)
    answer = await served.post("/v1/search/audio", content=flac_bomb(hours=0.9, claimed=8_000))
    assert problem_of(answer, 422)["code"] == "too_much_computing"


async def test_a_body_that_is_too_large_is_refused(
    served: httpx.AsyncClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "MAX_UPLOAD_BYTES", 1000)
    problem_of(await served.post("/v1/search/audio", content=b"x" * 1001), 413)


async def test_a_model_that_cannot_be_had_leaves_the_rest_at_work(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Settings) -> None:
        raise WeightsError("no weights in /models")

    monkeypatch.setattr(upload_model, "load_embedder", gone)
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
    monkeypatch.setattr(upload_model, "space_for", lambda _: other.space)
    problem = problem_of(await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3)), 409)
    assert model.space.key in problem["detail"]
    assert other.space.key in problem["detail"]


@pytest.mark.parametrize("windows", ["all", 3])
def test_uploads_are_embedded_as_the_served_index_was_made(windows: str | int) -> None:
    made_by = Settings(model="musicnn-msd", windows=windows)
    space = space_for(made_by)
    manifest = IndexManifest.model_construct(model=space.model, parameters=dict(space.parameters))
    followed = UploadModel(Settings())._settings_for(manifest)
    assert space_for(followed).key == space.key
    explicit = UploadModel(Settings(windows=5))._settings_for(manifest)
    assert (explicit.model, explicit.windows) == ("musicnn-msd", 5), "what is set is not replaced"


async def test_too_many_at_once_are_told_to_come_back(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 0)
    answer = await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    assert problem_of(answer, 503)["type"].endswith("busy")


async def test_a_body_that_does_not_arrive_gives_its_place_back(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 1)
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT_SECONDS", 0.1)
    never = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"ID3"
        await never.wait()

    problem_of(await served.post("/v1/search/audio", content=stalling()), 408)
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT_SECONDS", 60.0)
    assert (await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))).is_success


async def test_no_body_is_read_while_no_place_is_free(
    served: httpx.AsyncClient, model: FakeModel, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 1)
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"ID3"
        reading.set()
        await go_on.wait()

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    first = asyncio.create_task(served.post("/v1/search/audio", content=slow()))
    await reading.wait()
    [held] = (library.store.root / "uploads").rglob("upload")
    answer = await served.post("/v1/search/audio", content=unread())
    assert problem_of(answer, 503)["type"].endswith("busy")
    assert answer.headers["retry-after"]
    go_on.set()
    assert (await first).status_code == 422
    assert not held.exists()


@pytest.mark.slow
async def test_a_full_disk_is_no_error_of_the_model(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = song(tmp_path / "x.mp3", seconds=2.0, seed=3)
    monkeypatch.setattr(upload_folder, "MIN_FREE_BYTES", 2**60)
    answer = await ask(served, upload)
    assert problem_of(answer, 503)["type"].endswith("no-room")
    assert str(tmp_path) not in answer.text
    monkeypatch.undo()
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        answer = await ask(served, upload)
    finally:
        signal.signal(signal.SIGXFSZ, handler)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert problem_of(answer, 503)["type"].endswith("no-room")


async def test_a_folder_that_cannot_be_written_is_said_alike(
    library: Library, database_url: str, tmp_path: Path
) -> None:
    song(library.music / "0.flac", seconds=2.0)
    library.ingest()
    library.publish()
    (tmp_path / "file").touch()
    settings = Settings(
        DATABASE_URL=database_url, data=library.store.root, uploads=tmp_path / "file" / "x"
    )
    async with running(settings) as api:
        answer = await api.post("/v1/search/audio", content=b"x")
    assert problem_of(answer, 503)["type"].endswith("no-room")


@pytest.mark.slow
async def test_the_work_ends_when_its_sender_leaves(
    served: httpx.AsyncClient, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of silence from a few kilobytes takes seconds; the next upload does not wait."""
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 1)
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    require = upload_model.require_possible_audio

    def told(file: Path) -> None:
        require(file)
        loop.call_soon_threadsafe(started.set)

    monkeypatch.setattr(upload_model, "require_possible_audio", told)
    left = asyncio.Event()
    work = asyncio.create_task(send_and_leave(served, flac_bomb(hours=0.99), left))
    await started.wait()
    left.set()
    await work
    answer = await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    assert answer.is_success, "the place and the decoder are free"


async def send_and_leave(api: httpx.AsyncClient, body: bytes, left: asyncio.Event) -> None:
    """Post a body as an ASGI server would, whose client then hangs up."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        """Nobody is there."""

    transport = api._transport
    assert isinstance(transport, httpx.ASGITransport)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/search/audio",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "root_path": "",
    }
    await transport.app(cast("Any", scope), receive, cast("Any", send))


def test_what_a_killed_worker_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from serving.search.upload_folder import UploadFolder\n"
        "with UploadFolder(Path(sys.argv[1])).upload(1) as folder:\n"
        "    (folder / 'upload').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    [killed] = tmp_path.glob("process-*")
    assert list(killed.rglob("upload"))
    (tmp_path / "music.mp3").touch()
    (tmp_path / "process").mkdir()
    alive = UploadFolder(tmp_path)
    with alive.upload(1) as folder:
        UploadFolder(tmp_path).sweep()
        assert folder.is_dir(), "its process lives"
    assert not killed.exists()
    alive.close()
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "music.mp3", "process"}


async def test_a_client_that_hangs_up_is_no_error_of_ours(
    served: httpx.AsyncClient, model: FakeModel
) -> None:
    problem = as_problem(ClientDisconnect())
    assert (problem.status, problem.kind) == (400, "client-gone")


async def test_nothing_of_an_upload_is_kept(
    served: httpx.AsyncClient, model: FakeModel, library: Library, tmp_path: Path
) -> None:
    await ask(served, song(tmp_path / "x.mp3", seconds=2.0, seed=3))
    await ask(served, tmp_path / "x.mp3", limit=0)
    [own] = (library.store.root / "uploads").glob("process-*")
    assert [path.name for path in own.iterdir()] == ["lock"]
