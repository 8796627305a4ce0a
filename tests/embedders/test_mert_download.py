import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from soundalike.embedders.mert.checkpoint import open_cached, open_checkpoint
from soundalike.embedders.mert.download import FILE, PART, fetch_mert
from soundalike.errors import WeightsError
from tests.hub import BINARY, DESCRIPTIONS, MODEL, PUBLISHED_TINY, TINY, Hub

from .checkpoints import TensorMap

REVISION = PUBLISHED_TINY.revision
CONVERTED = "model.safetensors"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def _assert_published(tensors: TensorMap) -> None:
    expected = torch.load(TINY / FILE, weights_only=True)
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_a_fetch_leaves_descriptions_and_converted_weights(hub: Hub, folder: Path) -> None:
    assert fetch_mert(folder, MODEL).weights == folder / CONVERTED
    assert _names(folder) == {*DESCRIPTIONS, CONVERTED}
    assert {path for path, _ in hub.asked} == {
        f"/m-a-p/MERT-v1-95M/resolve/{REVISION}/{name}" for name in [*DESCRIPTIONS, FILE]
    }


def test_every_tensor_is_the_published_one(hub: Hub, folder: Path) -> None:
    _assert_published(load_file(fetch_mert(folder, MODEL).weights))


def test_published_and_converted_file_are_the_same_space(hub: Hub, folder: Path) -> None:
    fetch_mert(folder, MODEL)
    assert open_checkpoint(TINY, MODEL).revision == REVISION[:16]
    assert open_checkpoint(folder, MODEL).revision == REVISION[:16]


def test_who_may_read_the_cache_may_read_the_weights(hub: Hub, folder: Path) -> None:
    weights = fetch_mert(folder, MODEL).weights
    assert weights.stat().st_mode == (folder / "config.json").stat().st_mode


def test_what_is_there_is_not_fetched_again(hub: Hub, folder: Path) -> None:
    fetch_mert(folder, MODEL)
    hub.asked.clear()
    fetch_mert(folder, MODEL)
    assert hub.asked == []


def test_a_download_killed_before_its_last_step_asks_for_nothing(hub: Hub, folder: Path) -> None:
    fetch_mert(folder, MODEL)
    (folder / CONVERTED).unlink()
    (folder / PART).write_bytes(BINARY)
    hub.asked.clear()
    fetch_mert(folder, MODEL)
    assert hub.asked == []


def test_what_a_fetch_killed_after_its_last_step_left_is_removed(hub: Hub, folder: Path) -> None:
    fetch_mert(folder, MODEL)
    (folder / FILE).write_bytes(BINARY)
    (folder / PART).write_bytes(BINARY[:100])
    fetch_mert(folder, MODEL)
    assert not {FILE, PART} & _names(folder)


@pytest.mark.usefixtures("published_tiny")
def test_files_put_there_by_hand_need_no_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    shutil.copytree(TINY, folder)
    fetch_mert(folder, MODEL)
    assert FILE not in _names(folder)


def test_another_file_put_there_by_hand_is_refused_and_kept(hub: Hub, folder: Path) -> None:
    shutil.copytree(TINY, folder)
    (folder / FILE).write_bytes(b"mine")
    with pytest.raises(WeightsError, match=r"not the published file.*SOUNDALIKE_MERT_PATH"):
        fetch_mert(folder, MODEL)
    assert (folder / FILE).read_bytes() == b"mine"


def _last_byte(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _cut(content: bytes) -> bytes:
    return content[:-100]


def _no_header(content: bytes) -> bytes:
    return bytes(8) + content[8:]


def _other_source(content: bytes) -> bytes:
    return content.replace(PUBLISHED_TINY.sha256.encode(), 64 * b"0")


@pytest.mark.parametrize("damage", [_last_byte, _cut, _no_header, _other_source])
def test_a_damaged_cache_is_refused_with_what_to_do_and_a_fetch_mends_it(
    hub: Hub, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = fetch_mert(folder, MODEL).weights
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(WeightsError, match=rf"{CONVERTED}: .*soundalike models fetch"):
        open_cached(folder, MODEL)
    _assert_published(load_file(fetch_mert(folder, MODEL).weights))


def test_a_damaged_copy_elsewhere_is_refused_too(hub: Hub, folder: Path, tmp_path: Path) -> None:
    fetch_mert(folder, MODEL)
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert open_checkpoint(copy, MODEL).revision == REVISION[:16]
    (copy / CONVERTED).write_bytes(_last_byte((copy / CONVERTED).read_bytes()))
    with pytest.raises(WeightsError, match=f"{copy / CONVERTED}: it is damaged. Remove it"):
        _ = open_checkpoint(copy, MODEL).revision


def test_a_damaged_description_is_fetched_again(hub: Hub, folder: Path) -> None:
    fetch_mert(folder, MODEL)
    (folder / "config.json").write_text("{")
    fetch_mert(folder, MODEL)
    assert (folder / "config.json").read_bytes() == (TINY / "config.json").read_bytes()


def test_two_at_once_download_once(hub: Hub, folder: Path) -> None:
    with ThreadPoolExecutor() as threads:
        files = list(threads.map(lambda _: fetch_mert(folder, MODEL).weights, range(3)))
    assert set(files) == {folder / CONVERTED}
    assert [path.rpartition("/")[2] for path, _ in hub.asked] == [*DESCRIPTIONS, FILE]


def test_what_a_killed_conversion_left_is_removed(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f".{CONVERTED}.1-abcd.tmp").touch()
    fetch_mert(folder, MODEL)
    assert _names(folder) == {*DESCRIPTIONS, CONVERTED}


def test_a_cache_that_cannot_be_made_is_named(hub: Hub, folder: Path) -> None:
    folder.parent.touch()
    with pytest.raises(WeightsError, match=rf"the cache {folder} .*set SOUNDALIKE_MODELS to"):
        fetch_mert(folder, MODEL)
    assert hub.asked == []


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_disk_too_full_is_named_and_nothing_half_written_is_used(
    hub: Hub, folder: Path, by_hand: bool
) -> None:
    """The system refuses large files, as a full disk would: the download, or what is converted."""
    if by_hand:
        shutil.copytree(TINY, folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(WeightsError, match=rf"the cache {folder} .*too large"):
            fetch_mert(folder, MODEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert CONVERTED not in _names(folder)
    fetch_mert(folder, MODEL)
    open_cached(folder, MODEL)
