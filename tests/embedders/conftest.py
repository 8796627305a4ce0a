"""Models for these tests: the tiny MERT checkpoints, and musicnn with its real weights."""

from pathlib import Path

import pytest

from soundalike.embedders import load_embedder
from soundalike.embedders.base import Embedder
from soundalike.settings import Settings
from tests.conftest import REPOSITORY
from tests.hub import MODEL


@pytest.fixture(params=["mert-v1-tiny", "mert-v1-tiny-preln"])
def mert_folder(request: pytest.FixtureRequest) -> Path:
    return REPOSITORY / "tests" / "fixtures" / str(request.param)


@pytest.fixture(scope="session")
def musicnn(models_dir: Path) -> Embedder:
    return load_embedder(Settings(model="musicnn-msd", models=models_dir, device="cpu"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where MODEL is fetched to; not there yet."""
    return tmp_path / "models" / MODEL
