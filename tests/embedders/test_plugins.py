"""Models of other packages: found by name, imported only when asked for, and named when broken."""

import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.cli.maintain import listed
from soundalike.embedders import MODELS, is_ready, load_embedder, space_for
from soundalike.embedders.plugins import load_plugin
from soundalike.errors import PluginError, SettingsError
from soundalike.settings import Settings, load_settings

SPEC = """
import numpy as np
from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, EmbeddingSpace
from soundalike.embedders.model_spec import ModelSpec

class Embedder:
    def __init__(self, settings):
        self.space, self.windows = EmbeddingSpace({loaded!r}, "own", 4), WindowPlan(10, 40, 2)
        self.calls = 0

    def extract(self, windows):
        self.calls += 1
        return {extract}

    def pool(self, features):
        return Embedding({pool})

def space(settings):
    return EmbeddingSpace({id!r}, {model!r}, 4)

MODEL = ModelSpec({name!r}, "CC0", space, Embedder)
"""
WHOLE = {"loaded": "own.a", "id": "own.a", "model": "own", "name": "own"}
WHOLE |= {"extract": "windows[:, :4]", "pool": "features[0] / np.linalg.norm(features[0])"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that installed packages are found in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    load_plugin.cache_clear()
    return folder


def install(site: Path, package: str, source: str, *names: str) -> None:
    """Lay down a package as pip does, whose module offers models by these names."""
    module = package.replace("-", "_")
    (site / f"{module}.py").write_text(source)
    sys.modules.pop(module, None)
    facts = site / f"{module}-1.5.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
    lines = [f"{name} = {module}:MODEL\n" for name in names]
    (facts / "entry_points.txt").write_text("[soundalike.embedders]\n" + "".join(lines))


def whole(**changed: str) -> str:
    return SPEC.format(**WHOLE | changed)


def test_a_package_s_model_is_a_model_as_any_other(site: Path) -> None:
    install(site, "own-models", whole(), "own")
    settings = Settings(model="own")
    assert "own" in MODELS
    assert [*MODELS] == ["mert-v1-95m", "mert-v1-330m", "musicnn-msd", "own"]
    assert len(MODELS) == 4
    assert load_embedder(settings).space == space_for(settings)
    assert is_ready(settings)


def test_its_package_is_imported_only_when_it_is_asked_for(site: Path) -> None:
    install(site, "own-models", whole(), "own")
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import soundalike.cli\n"
        "from soundalike.embedders import MODELS, space_for\n"
        "from soundalike.settings import Settings\n"
        "settings = Settings(model='own')\n"
        "assert 'own' in MODELS and 'own' in list(MODELS) and 'musicnn-msd' in MODELS\n"
        "space_for(Settings(model='musicnn-msd'))\n"
        "assert 'own_models' not in sys.modules\n"
        "space_for(settings)\n"
        "assert 'own_models' in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_built_in_names_are_known_without_looking_for_packages() -> None:
    program = (
        "import soundalike.cli\n"
        "import soundalike.settings.model_names as names\n"
        "names.entry_points = None\n"
        "from soundalike.embedders import MODELS\n"
        "from soundalike.settings import load_settings\n"
        "assert load_settings().model in MODELS and MODELS[load_settings().model]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_lists_the_known_ones_and_the_group(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "own-models", whole(), "own")
    monkeypatch.setenv("SOUNDALIKE_MODEL", "vggish")
    load_settings.cache_clear()
    with pytest.raises(SettingsError) as refused:
        load_settings()
    load_settings.cache_clear()
    with pytest.raises(SettingsError) as unknown:
        MODELS["vggish"]
    for message in (str(refused.value), str(unknown.value)):
        assert "mert-v1-95m, mert-v1-330m, musicnn-msd, own (of own-models 1.5)" in message
        assert "entry-point group soundalike.embedders" in message
    assert "vggish" not in MODELS


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("import nowhere", "failed: ModuleNotFoundError: No module named 'nowhere'"),
        ("SPEC = None", "failed: AttributeError: module 'own_models' has no attribute 'MODEL'"),
        ("MODEL = 3", "is own_models:MODEL of type int, and no ModelSpec"),
        (whole(name="other"), "calls itself 'other'"),
        (whole(model="other"), "has a space of another model, 'other'"),
        (whole(id="../own"), "has a space whose id cannot be a folder's name, '../own'"),
        (whole() + "    \ndel EmbeddingSpace", "failed: NameError: name 'EmbeddingSpace' is"),
    ],
)
def test_a_broken_package_is_named_and_the_others_work(site: Path, source: str, named: str) -> None:
    install(site, "own-models", source, "own")
    with pytest.raises(PluginError) as refused:
        space_for(Settings(model="own"))
    assert f"the model 'own' of the package own-models 1.5 {named}" in str(refused.value)
    assert "pip uninstall own-models" in str(refused.value)
    assert space_for(Settings(model="musicnn-msd")).model == "musicnn-msd"


def test_a_model_that_is_loaded_with_another_space_is_refused(site: Path) -> None:
    """Its vectors would be kept under a wrong name."""
    install(site, "own-models", whole(loaded="own.b"), "own")
    with pytest.raises(PluginError, match="another space than the one that its spec names"):
        load_embedder(Settings(model="own"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            {"extract": "windows[:, :4].astype(np.float64)"},
            "extracts float64 [3, 4] from 3 windows",
        ),
        ({"extract": "windows[0]"}, "extracts float32 [40] from 3 windows"),
        ({"extract": "windows[:, :4] * np.float32(self.calls)"}, "other features each time"),
        ({"extract": "windows[:, :4] - windows[:, :4].mean(0)"}, "depend on the other windows"),
        ({"pool": "features[0]"}, "pools to a vector of length"),
        ({"pool": "features[0] * np.float32(np.nan)"}, "pools to a vector of length nan"),
        ({"pool": "features[0, :3]"}, "pools to float32 [3], and not to float32 [4]"),
        ({"pool": "1 / 0"}, "failed: ZeroDivisionError"),
    ],
)
def test_a_model_that_breaks_a_promise_is_refused_before_it_embeds(
    site: Path, changed: dict[str, str], named: str
) -> None:
    install(site, "own-models", whole(**changed), "own")
    with pytest.raises(PluginError) as refused:
        load_embedder(Settings(model="own"))
    assert named in str(refused.value)
    assert "own-models 1.5" in str(refused.value)


def test_two_packages_with_one_name_are_both_named(site: Path) -> None:
    for package in ("models-a", "models-b"):
        install(site, package, whole(), "own")
    with pytest.raises(PluginError, match=r"'own' is offered by models-a 1\.5 and models-b 1\.5"):
        space_for(Settings(model="own"))


def test_the_list_names_every_model_and_what_is_wrong_with_it(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "own-models", whole(), "own")
    install(site, "broken-models", "import nowhere", "broken")
    install(site, "greedy-models", whole(name="musicnn-msd"), "musicnn-msd")
    load_settings.cache_clear()
    listed()
    shown = " ".join(capsys.readouterr().out.split())
    assert "musicnn-msd built in ISC" in shown
    assert "own own-models 1.5 CC0 no weights to fetch" in shown
    assert "ModuleNotFoundError" in shown
    assert "greedy-models 1.5" in shown
    assert "has the name of a built-in model" in shown
    assert MODELS["musicnn-msd"].licence == "ISC"
