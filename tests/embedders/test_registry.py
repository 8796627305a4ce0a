import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.embedders import Embedder, fetch_weights, load_embedder, space_for
from soundalike.errors import WeightsError
from soundalike.settings import ModelName, Settings


def test_naming_the_space_imports_no_torch(mert_folder: Path) -> None:
    """A Dagster code server names it at every start."""
    code = (
        "import sys; from pathlib import Path\n"
        "from soundalike.embedders import space_for; from soundalike.settings import Settings\n"
        "space_for(Settings(model='musicnn-msd'))\n"
        f"space_for(Settings(model='mert-v1-95m', mert_path=Path({str(mert_folder)!r})))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_named_space_is_the_loaded_model_s(mert_folder: Path) -> None:
    settings = Settings(model="mert-v1-95m", mert_path=mert_folder, device="cpu")
    assert load_embedder(settings).space == space_for(settings)


def test_the_named_space_is_musicnn_s(musicnn: Embedder, tmp_path: Path) -> None:
    assert musicnn.space == space_for(Settings(model="musicnn-msd", models=tmp_path))


@pytest.mark.parametrize("model", ["mert-v1-95m", "mert-v1-330m"])
def test_mert_without_a_checkpoint_says_what_to_do(model: ModelName, tmp_path: Path) -> None:
    settings = Settings(model=model, models=tmp_path, mert_path=None, device="cpu")
    for attempt in (space_for, load_embedder, lambda wanted: fetch_weights(wanted, model)):
        with pytest.raises(WeightsError, match=r"SOUNDALIKE_MERT_PATH.*SOUNDALIKE_MODEL=musicnn"):
            attempt(settings)


def test_a_mert_folder_is_checked_before_it_is_used(mert_folder: Path, tmp_path: Path) -> None:
    whole = Settings(model="mert-v1-95m", mert_path=mert_folder)
    assert fetch_weights(whole, "mert-v1-95m") == mert_folder / "pytorch_model.bin"
    with pytest.raises(WeightsError, match="holds neither"):
        fetch_weights(Settings(model="mert-v1-95m", mert_path=tmp_path), "mert-v1-95m")
