"""Listening: ranges, types, the original only while it is the file that was scanned."""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import anyio
import httpx
import psutil
import pytest
from fastapi import Request
from starlette.types import Message

from serving.file_answer import file_answer
from serving.routes.audio import media_type
from soundalike.catalog import roots
from soundalike.settings import MUSIC_EXTENSIONS, Settings
from soundalike.storage.private_copy import open_regular
from tests.library import Library
from tests.sounds import song

from .service import problem_of, running


@dataclass
class Played:
    """A service over one track, whose file and canonical copy are here."""

    api: httpx.AsyncClient
    file: Path
    copy: Path
    url: str

    async def get(self, form: str = "original", **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.api.get(self.url + "/audio", params={"as": form}, headers=names)


@pytest.fixture
async def played(library: Library, settings: Settings) -> AsyncIterator[Played]:
    file = song(library.music / "caf\udce9 - Ñandú.opus", seconds=2.0)
    library.ingest()
    [copy] = library.store.canonical.rglob("*.flac")
    async with running(settings) as api:
        yield Played(api, file, copy, f"/v1/tracks/{copy.stem}")


async def test_both_forms_are_the_files_to_the_byte(played: Played) -> None:
    original, flac = await played.get(), await played.get("flac")
    assert original.content == played.file.read_bytes()
    assert flac.content == played.copy.read_bytes()
    assert original.headers["content-type"] == "audio/ogg"
    assert flac.headers["content-type"] == "audio/flac"
    for answer in (original, flac):
        assert answer.status_code == 200
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "content-encoding" not in answer.headers
        assert answer.headers["etag"]
    assert original.headers["etag"] != flac.headers["etag"]


async def test_head_reads_no_file(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, part = await played.get(), await played.get(Range="bytes=3-9")
    monkeypatch.setattr(os, "pread", Mock(side_effect=AssertionError("it was read")))
    url, original = played.url + "/audio", {"as": "original"}
    answers = [
        await played.api.head(url, params=original),
        await played.api.head(url, params=original, headers={"Range": "bytes=3-9"}),
    ]
    for answer, expected in zip(answers, (whole, part), strict=True):
        assert answer.status_code == expected.status_code
        assert answer.content == b""
        for name in ("content-length", "content-type", "etag", "accept-ranges", "cache-control"):
            assert answer.headers[name] == expected.headers[name]


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("0-0", 0, 1),
        ("10-19", 10, 20),
        ("100-", 100, None),
        ("-50", -50, None),
        ("5-99999999", 5, None),
    ],
)
async def test_a_range_is_that_part(
    played: Played, wanted: str, first: int, last: int | None
) -> None:
    whole = played.file.read_bytes()
    answer = await played.get(Range=f"bytes={wanted}")
    assert answer.status_code == 206
    assert answer.content == whole[first:last]
    assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
async def test_a_range_beyond_the_end_says_how_long_the_file_is(
    played: Played, wanted: str
) -> None:
    answer = await played.get(Range=wanted)
    assert problem_of(answer, 416)["type"].endswith("range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{played.file.stat().st_size}"


@pytest.mark.parametrize(
    "wanted",
    ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=0-1,3-4", "bytes=" + "9" * 5000 + "-"],
)
async def test_a_header_that_is_no_single_range_does_not_count(played: Played, wanted: str) -> None:
    answer = await played.get(Range=wanted)
    assert answer.status_code == 200
    assert answer.content == played.file.read_bytes()


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=99999999-", "bytes=-0"])
async def test_a_range_of_another_version_is_the_whole_file(played: Played, wanted: str) -> None:
    """Also one beyond the end of this version (RFC 9110, 14.2)."""
    whole = await played.get()
    same = await played.get(Range=wanted, If_Range=whole.headers["etag"])
    assert same.status_code == (206 if wanted == "bytes=0-9" else 416)
    day = "Wed, 21 Oct 2015 07:28:00 GMT"
    for other in ('"other"', "W/" + whole.headers["etag"], day, ""):
        answer = await played.get(Range=wanted, If_Range=other)
        assert answer.status_code == 200
        assert answer.content == whole.content
        assert "content-range" not in answer.headers


async def test_what_the_client_has_is_not_sent_again(played: Played) -> None:
    etag = (await played.get()).headers["etag"]
    for headers in (
        {"If_None_Match": etag},
        {"If_None_Match": f'"other", W/{etag}', "Range": "bytes=0-9"},
        {"If_None_Match": "*", "Range": "bytes=99999999-", "If_Range": '"other"'},
    ):
        answer = await played.get(**headers)
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "private, max-age=86400"
    assert (await played.get(If_None_Match='"other"')).status_code == 200
    touched = played.copy.stat().st_mtime_ns + 1
    before = (await played.get("flac")).headers["etag"]
    os.utime(played.copy, ns=(touched, touched))
    assert (await played.get("flac", If_None_Match=before)).status_code == 200


async def sent(file: Path, meanwhile: Callable[[], object]) -> tuple[int, bytes]:
    """The length and the bytes that are sent of a file, to which something happens meanwhile."""
    request = Request({"type": "http", "headers": []})
    answer = file_answer(request, open_regular(file), "audio/flac", {})
    meanwhile()
    body = bytearray()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        body.extend(message.get("body", b""))

    await answer({**request.scope, "method": "GET"}, receive, send)
    return int(answer.headers["content-length"]), bytes(body)


async def test_a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was(tmp_path: Path) -> None:
    file, whole = tmp_path / "a.flac", os.urandom(200_000)
    file.write_bytes(whole)
    (tmp_path / "b.flac").write_bytes(b"another")
    found = await sent(file, lambda: (tmp_path / "b.flac").replace(file))
    assert found == (len(whole), whole)
    assert file.read_bytes() == b"another"


async def test_no_more_is_sent_than_was_told_and_the_end_of_a_truncated_file_is_one(
    tmp_path: Path,
) -> None:
    file, whole = tmp_path / "a.flac", os.urandom(200_000)
    file.write_bytes(whole)
    assert await sent(file, lambda: file.write_bytes(whole + b"x")) == (len(whole), whole)
    assert await sent(file, lambda: os.truncate(file, 70_000)) == (200_001, whole[:70_000])


async def test_no_file_stays_open(played: Played) -> None:
    etag = (await played.get()).headers["etag"]
    await played.get(Range="bytes=1-2")
    problem_of(await played.get(Range="bytes=99999999-"), 416)
    await played.get(If_None_Match=etag)
    await played.api.head(played.url + "/audio", params={"as": "original"})
    state = played.file.stat()
    os.utime(played.file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    problem_of(await played.get(), 404)
    assert str(played.file) not in {file.path for file in psutil.Process().open_files()}


async def test_only_the_file_that_was_scanned_is_played(played: Played, tmp_path: Path) -> None:
    """It might be replaced by a link to anything."""
    secret = tmp_path / "secret"
    secret.write_bytes(played.file.read_bytes())
    state = played.file.stat()
    played.file.unlink()
    assert problem_of(await played.get(), 404)["type"].endswith("no-audio")
    played.file.symlink_to(secret)
    assert "as=flac" in problem_of(await played.get(), 404)["detail"]
    played.file.unlink()
    played.file.mkdir()
    problem_of(await played.get(), 404)
    played.file.rmdir()
    played.file.write_bytes(secret.read_bytes())
    os.utime(played.file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (await played.get()).status_code == 200
    played.file.write_bytes(secret.read_bytes() + b"x")
    problem_of(await played.get(), 404)
    assert (await played.get("flac")).status_code == 200


async def test_a_second_file_of_the_track_is_played_when_the_first_is_away(
    played: Played, library: Library
) -> None:
    again = library.music / "again.opus"
    again.write_bytes(played.file.read_bytes())
    library.ingest()
    played.file.unlink()
    assert (await played.get()).content == again.read_bytes()


@pytest.mark.slow
async def test_of_a_bucket_only_the_copy_is_played(played: Played, library: Library) -> None:
    with library.sessions.begin() as session:
        roots.roots(session)[0].location = b"s3://music"
    problem_of(await played.get(), 404)
    assert (await played.get("flac")).status_code == 200


@pytest.mark.slow
async def test_a_lost_copy_and_unknown_tracks_are_told(played: Played) -> None:
    played.copy.unlink()
    for path in ("/audio?as=flac", "/peaks"):
        problem = problem_of(await played.api.get(played.url + path), 404)
        assert problem["type"].endswith("no-audio")
        assert "soundalike doctor" in problem["detail"]
    for unknown in ("0" * 32, "..%2f..%2fetc%2fpasswd", "%00"):
        for path in ("audio?as=flac", "audio?as=original", "peaks"):
            problem = problem_of(await played.api.get(f"/v1/tracks/{unknown}/{path}"), 404)
            assert "unknown-track" in problem["type"] or "no-such-route" in problem["type"]


async def test_peaks_are_a_byte_a_part(played: Played) -> None:
    for number in (1, 37, 400):
        answer = await played.api.get(f"{played.url}/peaks", params={"n": number})
        assert len(answer.content) == number
        assert max(answer.content) == 255
    assert len((await played.api.get(f"{played.url}/peaks")).content) == 400
    problem_of(await played.api.get(f"{played.url}/peaks?n=0"), 422)


def test_every_extension_is_audio() -> None:
    """A browser makes a page of no file."""
    assert len(MUSIC_EXTENSIONS) > 30
    for extension in (*MUSIC_EXTENSIONS, "html", "", "a/b", "svg+xml", "ÿ"):
        kind, _, rest = media_type(extension).partition("/")
        assert kind == "audio"
        assert rest.replace("-", "").isalnum()
