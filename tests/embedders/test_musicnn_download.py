import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from soundalike.embedders.musicnn import download
from soundalike.embedders.musicnn.download import DATA, FILE, INDEX, WHEEL, fetch_musicnn
from soundalike.errors import WeightsError

from .checkpoints import tensorflow_checkpoint

TRAINED = {"dense/bias": np.arange(4, dtype=np.float32)}
OPTIMISER = {"dense/bias/Adam": np.zeros(4, np.float32), "beta1_power": np.zeros((), np.float32)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny wheel, put into the cache folder by hand, that counts as the published one."""
    index, data = tensorflow_checkpoint(TRAINED | OPTIMISER)
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(INDEX, index)
        archive.writestr(DATA, data)
        archive.writestr("musicnn-0.1.0.dist-info/METADATA", "Name: musicnn\nVersion: 0.1.0\n")
        archive.writestr("musicnn-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    monkeypatch.setattr(download, "WHEEL_SHA256", _sha256(path.read_bytes()))
    monkeypatch.setattr(download, "INDEX_SHA256", _sha256(index))
    monkeypatch.setattr(download, "DATA_SHA256", _sha256(data))
    monkeypatch.setattr(download, "FILE_SHA256", _sha256(save(TRAINED)))
    return path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip without its configuration files, and with an index where nobody listens."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_only_the_trained_tensors_are_kept(wheel: Path) -> None:
    read = load_file(fetch_musicnn(wheel.parent))
    assert read.keys() == TRAINED.keys()
    np.testing.assert_array_equal(read["dense/bias"], TRAINED["dense/bias"])


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_error_names_cause_place_and_way_out(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as refused:
        fetch_musicnn(tmp_path / "musicnn-msd")
    message = str(refused.value)
    assert "Connection refused" in message
    assert str(tmp_path / "musicnn-msd" / FILE) in message
    assert f"put {WHEEL}" in message
    assert "\n" not in message
    assert list((tmp_path / "musicnn-msd").iterdir()) == []


def test_an_index_without_the_package_is_named_as_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))  # pip warns of it first
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match="Could not find a version that satisfies"):
        fetch_musicnn(tmp_path)


@pytest.mark.usefixtures("offline")
def test_verified_weights_need_no_network(wheel: Path) -> None:
    made = fetch_musicnn(wheel.parent)
    wheel.unlink()
    assert fetch_musicnn(wheel.parent) == made


def test_a_half_written_cache_is_made_again(wheel: Path) -> None:
    whole = save(TRAINED)
    (wheel.parent / FILE).write_bytes(whole[:-3])
    assert fetch_musicnn(wheel.parent).read_bytes() == whole


@pytest.mark.usefixtures("offline")
def test_a_damaged_cache_that_cannot_be_refetched_is_never_used(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="missing or damaged"):
        fetch_musicnn(tmp_path)


@pytest.mark.parametrize("constant", ["WHEEL_SHA256", "INDEX_SHA256", "DATA_SHA256", "FILE_SHA256"])
def test_a_file_that_is_not_the_published_one_is_refused(
    wheel: Path, constant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, constant, "0" * 64)
    with pytest.raises(WeightsError, match="is not the published file"):
        fetch_musicnn(wheel.parent)
    assert not (wheel.parent / FILE).exists()


def test_a_write_that_fails_leaves_nothing_behind(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WeightsError, match="No space left on device"):
        fetch_musicnn(wheel.parent)
    assert list(wheel.parent.iterdir()) == [wheel]


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(WeightsError, match="Set SOUNDALIKE_MODELS to a folder"):
        fetch_musicnn(tmp_path / "models" / "musicnn-msd")


def test_the_progress_of_pip_s_download_is_reported(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    reports: list[tuple[int, int]] = []
    fetch_musicnn(tmp_path / "cache", lambda received, total: reports.append((received, total)))
    assert reports, "pip takes longer than a look"
    assert {total for _, total in reports} == {download.WHEEL_BYTES}
    assert reports == sorted(reports)
