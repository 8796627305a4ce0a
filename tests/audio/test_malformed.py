"""No file, however broken or hostile, takes the run down: each ends as a track or as a failure."""

import ctypes
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import starmap
from pathlib import Path

import pytest

from soundalike.audio import decode as decode_module
from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.audio.sandbox import Decoders
from soundalike.errors import AudioError
from tests.audio.bombs import bombs, flac_bomb, id3_bomb, lures, png_bomb, with_cover
from tests.audio.mutations import DAMAGES, FORMATS, damaged, whole_files
from tests.sounds import song

IN_OPEN = 0x20


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return whole_files(tmp_path_factory.mktemp("whole"))


def outcome(decoders: Decoders, path: Path, target: Path) -> str:
    """How the ingest would end with this file. Whatever else is raised fails the test."""
    try:
        identified, _ = decoders.read(path)
        found = decoders.write_canonical(path, identified.track_id, target)
    except AudioError as error:
        assert not target.exists()
        assert str(error)
        return error.code
    assert found.seconds > 0
    assert target.exists()
    target.unlink()
    return "whole" if found.decoded_share == 1 else "partly"


def outcomes(folder: Path, media: Iterable[tuple[str, bytes]]) -> Counter[str]:
    """How many files ended how; nothing of them is left behind."""

    def one(name: str, content: bytes) -> str:
        path = folder / name
        path.write_bytes(content)
        try:
            return outcome(decoders, path, folder / "out" / f"{name}.flac")
        finally:
            path.unlink()

    (folder / "out").mkdir()
    with Decoders(count=2) as decoders, ThreadPoolExecutor(2) as threads:
        counts = Counter(threads.map(lambda item: one(*item), media))
    assert list((folder / "out").iterdir()) == [], "a temporary was left"
    return counts


def test_damaged_files_are_tracks_or_failures(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Each format, damaged in each way."""
    count = len(FORMATS) * len(DAMAGES)
    found = outcomes(tmp_path, (damaged(files, number) for number in range(count)))
    assert found.total() == count
    assert found["whole"] > count / 3, "most damage is small"
    assert set(found) > {"whole", "not_audio", "truncated"}
    assert not {"decoder_died", "stalled", "unreadable"} & set(found)


@pytest.mark.slow
def test_thousands_of_damaged_files_are_tracks_or_failures(
    tmp_path: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcomes(tmp_path, (damaged(files, number) for number in range(1000, 5000)))
    with capsys.disabled():
        sys.stdout.write(f"\n{dict(found.most_common())}\n")
    assert found.total() == 4000
    assert not {"stalled", "unreadable"} & set(found), "the disk is well, and nothing hangs"


def test_bombs_do_no_harm(tmp_path: Path) -> None:
    media = bombs(tmp_path)
    with Decoders(count=1) as decoders:
        for name, content in media.items():
            (tmp_path / name).write_bytes(content)
        found = {
            name: outcome(decoders, tmp_path / name, tmp_path / "out" / name) for name in media
        }
    assert {name: code for name, code in found.items() if code == "whole"}.keys() == {
        "bits-1.wav",
        "bits-7.wav",
        "bits-64.wav",
        "minutes.flac",
        "id3-unpacks.mp3",
        "picture-claims-4-GiB.flac",
        "black-square.mp3",
    }
    assert found["claims-years.flac"] == "too_long"
    assert found["bits-0.wav"] == "no_decoder"
    assert not {"decoder_died", "stalled", "undecodable"} & set(found.values())


def test_a_small_file_cannot_become_a_days_music(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac_bomb(0.2))
    assert path.stat().st_size < 1500
    monkeypatch.setattr(decode_module, "MAX_SECONDS", 600)
    audio = decode(path, identify(path).track_id)
    with pytest.raises(AudioError) as caught:
        for _ in audio:
            pass
    assert caught.value.code == "too_long"
    assert audio.seconds < 620, "it goes on no longer than it must"


@pytest.mark.slow
def test_large_bombs_do_no_harm(tmp_path: Path) -> None:
    mp3 = song(tmp_path / "a.mp3").read_bytes()
    media = {
        "days.flac": flac_bomb(30),
        "gigabyte-id3.mp3": id3_bomb(255) + mp3,
        "gigapixel.mp3": with_cover(mp3, png_bomb(30_000)),
    }
    for name, content in media.items():
        (tmp_path / name).write_bytes(content)
    with Decoders(count=1) as decoders:
        found = {
            name: outcome(decoders, tmp_path / name, tmp_path / "out" / name) for name in media
        }
    assert found == {"days.flac": "too_long", "gigabyte-id3.mp3": "whole", "gigapixel.mp3": "whole"}


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """Whether any file in the folder is opened by anybody, as the kernel sees it."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, os.fsencode(folder), IN_OPEN) > 0
    opened: list[int] = []
    try:
        yield opened
        with suppress(BlockingIOError):
            opened.append(len(os.read(watch, 65_536)))
    finally:
        os.close(watch)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
def test_no_file_has_another_one_opened(tmp_path: Path) -> None:
    """The lures name real music, and a server that listens: nobody calls."""
    (tmp_path / "bait").mkdir()
    bait = song(tmp_path / "bait" / "secret.mp3")
    with socket.create_server(("127.0.0.1", 0)) as server, Decoders(count=1) as decoders:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/song.mp3"
        names = lures(bait, url)
        with watched(tmp_path / "bait") as opened:
            codes = set(starmap(lambda n, t: lured(decoders, tmp_path / n, t), names.items()))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not opened
    assert codes <= {"not_audio", "no_audio", "no_decoder"}


def lured(decoders: Decoders, path: Path, text: str) -> str:
    path.write_text(text)
    return outcome(decoders, path, path.parent / "out" / path.name)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
def test_the_watch_sees_what_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with watched(tmp_path) as opened:
        (tmp_path / "a").read_text()
    assert opened
