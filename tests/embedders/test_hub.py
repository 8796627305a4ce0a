"""The network's part of a fetch: what a hub, a mirror or a proxy may do to it."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from soundalike.embedders import hub as hub_module
from soundalike.embedders.mert.checkpoint import open_cached
from soundalike.embedders.mert.download import FILE, PART, fetch_mert
from soundalike.embedders.mert.published import PUBLISHED
from soundalike.errors import WeightsError
from tests.conftest import REPOSITORY
from tests.hub import BINARY, DESCRIPTIONS, MODEL, PUBLISHED_TINY, TINY, Hub, serve
from tests.patience import until

pytestmark = pytest.mark.usefixtures("published_tiny")


def test_progress_goes_from_the_first_byte_to_the_last(hub: Hub, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    fetch_mert(folder, MODEL, lambda have, total: told.append((have, total)))
    assert told == sorted(told)
    assert told[-1] == (len(BINARY), len(BINARY))


@pytest.mark.parametrize("size", [len(BINARY), None])
def test_a_broken_download_goes_on_where_it_broke(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """With the hash's first digits only, and perhaps no size: more is not known of the 330M."""
    known = replace(PUBLISHED_TINY, sha256=PUBLISHED_TINY.sha256[:8], size=size)
    monkeypatch.setitem(PUBLISHED, MODEL, known)
    hub.breaks_after = 100_000
    with pytest.raises(WeightsError, match=r"broke off(.|\n)*0\.1 MB are there, and kept"):
        fetch_mert(folder, MODEL)
    assert (folder / PART).read_bytes() == BINARY[:100_000]
    hub.breaks_after = None
    told: list[tuple[int, int]] = []
    fetch_mert(folder, MODEL, lambda have, total: told.append((have, total)))
    assert hub.asked[-1][1] == "bytes=100000-"
    assert told[-1] == (len(BINARY), len(BINARY))
    open_cached(folder, MODEL)


@pytest.mark.slow
def test_a_download_killed_halfway_goes_on_where_it_was(hub: Hub, folder: Path) -> None:
    hub.breaks_after = 200_000
    hub.hangs_up.clear()
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.hub import MODEL, PUBLISHED_TINY\n"
        "from soundalike.embedders.mert import download\n"
        "download.PUBLISHED[MODEL] = PUBLISHED_TINY\n"
        "download.fetch_mert(Path(sys.argv[1]), MODEL)\n"
    )
    part = folder / PART
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=REPOSITORY) as process:
        until(lambda: part.exists() and part.stat().st_size >= 100_000)
        process.kill()
    kept = part.stat().st_size
    hub.hangs_up.set()
    hub.breaks_after = None
    fetch_mert(folder, MODEL)
    assert hub.asked[-1][1] == f"bytes={kept}-"
    open_cached(folder, MODEL)


def test_the_rest_is_asked_of_the_host_that_the_hub_names(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / PART).write_bytes(BINARY[:100_000])
    with serve(TINY) as storage:
        hub.elsewhere = storage.url
        fetch_mert(folder, MODEL)
    assert storage.asked == [(f"/signed/{FILE}", "bytes=100000-")]


def test_a_host_that_knows_no_ranges_sends_it_all_again(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / PART).write_bytes(BINARY[:100_000])
    hub.knows_ranges = False
    fetch_mert(folder, MODEL)
    assert [wanted for path, wanted in hub.asked if path.endswith(FILE)] == ["bytes=100000-"]
    assert open_cached(folder, MODEL).revision == PUBLISHED_TINY.revision[:16]


def test_another_file_of_the_same_size_is_deleted_and_named(hub: Hub, folder: Path) -> None:
    hub.contents[FILE] = bytes(len(BINARY))
    with pytest.raises(
        WeightsError, match=rf"not the published file.*expected {PUBLISHED_TINY.sha256}.*deleted"
    ):
        fetch_mert(folder, MODEL)
    assert not (folder / PART).exists()
    assert not (folder / FILE).exists()


def test_a_file_of_another_size_is_not_taken(hub: Hub, folder: Path) -> None:
    hub.contents[FILE] = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match=f"sends 26 bytes where the file has {len(BINARY)}"):
        fetch_mert(folder, MODEL)
    assert not (folder / PART).exists()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_login_page_is_not_kept_as_a_description(hub: Hub, folder: Path, name: str) -> None:
    hub.contents[name] = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match=name):
        fetch_mert(folder, MODEL)
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_of_megabytes_is_not_read_whatever_it_says(
    hub: Hub, folder: Path, name: str
) -> None:
    hub.contents[name] = hub.content(name) + b" " * 2_000_000
    with pytest.raises(WeightsError, match=f"{name} is too large for a configuration file"):
        fetch_mert(folder, MODEL)
    assert not (folder / name).exists()


@pytest.mark.parametrize("status", [401, 404, 500, 503])
@pytest.mark.parametrize("name", ["config.json", FILE])
def test_a_refusal_of_the_hub_is_told(hub: Hub, folder: Path, name: str, status: int) -> None:
    hub.statuses[name] = status
    with pytest.raises(WeightsError, match=rf"127\.0\.0\.1:\d+: answers {status} .*{name}"):
        fetch_mert(folder, MODEL)


@pytest.mark.parametrize("content", [b"{}", b"<html>please log in</html>", None])
def test_a_mirror_s_password_is_never_shown(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    mirror = hub.url.replace("://", "://bob:s3cret@")
    monkeypatch.setenv("HF_ENDPOINT", mirror)
    if content is None:
        hub.contents[FILE] = bytes(len(hub.content(FILE)))
    else:
        hub.contents["config.json"] = content
    with pytest.raises(WeightsError) as refused:
        fetch_mert(folder, MODEL)
    assert "127.0.0.1" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def _assert_helpful(message: str, folder: Path) -> None:
    first, *rest = message.splitlines()
    assert first.startswith(f"{MODEL}: its weights cannot be fetched: ")
    assert str(folder) in rest[0]
    assert [line.partition(":")[0] for line in rest[1:]] == [
        "- a local folder",
        "- a proxy or a mirror",
        "- another model",
    ]
    assert all(
        name in message for name in ("SOUNDALIKE_MERT_PATH", "HTTPS_PROXY", "SOUNDALIKE_MODEL")
    )


@pytest.mark.parametrize(
    ("endpoint", "cause"),
    [
        ("http://127.0.0.1:1", "127.0.0.1:1: Connection refused\n"),
        ("127.0.0.1", "127.0.0.1/m-a-p.*missing an 'http://' or 'https://' protocol"),
        ("http://127.0.0.1:70000", "70000"),
    ],
)
def test_without_a_hub_the_error_names_host_cause_place_and_ways_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, cause: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(WeightsError, match=cause) as refused:
        fetch_mert(folder, MODEL)
    _assert_helpful(str(refused.value), folder)


def test_a_hub_that_accepts_and_says_nothing_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub_module.TIMEOUT_SECONDS <= 10, "a start of 5 s and this stay within 15 s"
    monkeypatch.setattr(hub_module, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(WeightsError, match=r"no answer within 0\.1 seconds|timed out") as given:
            fetch_mert(folder, MODEL)
    _assert_helpful(str(given.value), folder)


def test_a_proxy_is_used(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    fetch_mert(folder, MODEL)
    assert hub.asked[0][0].startswith("http://hub.invalid/m-a-p/MERT-v1-95M/resolve/")


def test_a_proxy_of_an_unknown_kind_is_a_message(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(WeightsError, match="gopher"):
        fetch_mert(folder, MODEL)
