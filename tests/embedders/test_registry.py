import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.embedders import fetch_weights, load_embedder, space_for, weights_path
from soundalike.embedders.base import Embedder
from soundalike.errors import WeightsError
from soundalike.settings import Settings
from tests.hub import MODEL, TINY, Hub


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
def test_the_space_of_a_mert_not_fetched_says_what_to_do_and_fetches_nothing(
    model: str, tmp_path: Path, hub: Hub
) -> None:
    """It is named at the start of a Dagster code server, where nobody waits for a download."""
    with pytest.raises(WeightsError) as refused:
        space_for(Settings(model=model, models=tmp_path))
    for way in (f"soundalike models fetch {model}", "SOUNDALIKE_MERT_PATH", "SOUNDALIKE_MODEL"):
        assert way in str(refused.value)
    assert hub.asked == []


def test_loading_a_mert_not_fetched_fetches_it(tmp_path: Path, hub: Hub) -> None:
    settings = Settings(model=MODEL, models=tmp_path, device="cpu")
    loaded = load_embedder(settings)
    assert weights_path(settings).is_file()
    assert loaded.space == space_for(settings)


def test_a_fetched_mert_is_the_space_of_the_published_file(tmp_path: Path, hub: Hub) -> None:
    fetched, own = Settings(model=MODEL, models=tmp_path), Settings(model=MODEL, mert_path=TINY)
    fetch_weights(fetched, MODEL)
    assert space_for(fetched) == space_for(own)


def test_a_folder_of_one_s_own_comes_before_the_cache(tmp_path: Path, hub: Hub) -> None:
    settings = Settings(model=MODEL, models=tmp_path, mert_path=TINY)
    assert fetch_weights(settings, MODEL) == weights_path(settings) == TINY / "pytorch_model.bin"
    assert hub.asked == []


def test_a_mert_folder_is_checked_before_it_is_used(mert_folder: Path, tmp_path: Path) -> None:
    whole = Settings(model="mert-v1-95m", mert_path=mert_folder)
    assert fetch_weights(whole, "mert-v1-95m") == mert_folder / "pytorch_model.bin"
    with pytest.raises(WeightsError, match="holds neither"):
        fetch_weights(Settings(model="mert-v1-95m", mert_path=tmp_path), "mert-v1-95m")


@pytest.mark.parametrize(("device", "allowed"), [("auto", True), ("cpu", False)])
@pytest.mark.parametrize("model", ["mert-v1-95m", "musicnn-msd"])
def test_only_auto_may_fall_back(
    models_dir: Path, device: str, allowed: bool, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    runner = importlib.import_module("soundalike.embedders.inference.runner")

    class Noting(runner.Runner):  # type: ignore[name-defined, misc]
        def __init__(self, *given: object, may_fall_back: bool, **more: object) -> None:
            told.append(may_fall_back)
            super().__init__(*given, may_fall_back=may_fall_back, **more)

    shared = importlib.import_module("soundalike.embedders.inference.torch_embedder")
    monkeypatch.setattr(shared, "Runner", Noting)
    load_embedder(Settings(model=model, models=models_dir, mert_path=TINY, device=device))
    assert told == [allowed]
