"""Weights are fetched once a user, not once a data root."""

from pathlib import Path

import pytest

from soundalike.embedders import weights_path
from soundalike.settings import Settings

MODEL = "musicnn-msd"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "soundalike" / "models"


def test_two_data_roots_share_the_user_s_cache(tmp_path: Path, cache: Path) -> None:
    paths = [weights_path(Settings(model=MODEL, data=tmp_path / name)) for name in ("a", "b")]
    assert paths == [cache / MODEL / "model.safetensors"] * 2


def test_a_folder_that_is_named_comes_first(tmp_path: Path) -> None:
    (tmp_path / "data" / "models" / MODEL).mkdir(parents=True)
    settings = Settings(model=MODEL, data=tmp_path / "data", models=tmp_path / "named")
    assert weights_path(settings) == tmp_path / "named" / MODEL / "model.safetensors"


def test_weights_that_lie_in_a_data_root_are_not_fetched_again(tmp_path: Path) -> None:
    earlier = tmp_path / "data" / "models" / MODEL
    earlier.mkdir(parents=True)
    (earlier / "model.safetensors").touch()
    assert weights_path(Settings(model=MODEL, data=tmp_path / "data")) == (
        earlier / "model.safetensors"
    )
