"""Listening: ranges, types, the original only while it is the file that was scanned."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import anyio
import httpx
import pytest

from serving.routes.audio import media_type
from soundalike.catalog import roots
from soundalike.settings import MUSIC_EXTENSIONS, Settings
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
    whole = await played.get()
    monkeypatch.setattr(anyio, "open_file", Mock(side_effect=AssertionError("it was opened")))
    answer = await played.api.head(played.url + "/audio", params={"as": "original"})
    assert answer.status_code == 200
    assert answer.content == b""
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert answer.headers[name] == whole.headers[name]


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


async def test_a_range_of_another_version_is_the_whole_file(played: Played) -> None:
    tag = (await played.get()).headers["etag"]
    assert (await played.get(Range="bytes=0-9", If_Range=tag)).status_code == 206
    assert (await played.get(Range="bytes=0-9", If_Range='"other"')).status_code == 200


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
