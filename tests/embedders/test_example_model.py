"""The model of docs/models.md must work as it stands there, installed by pip."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.embedders import load_embedder
from soundalike.embedders.plugins import load_plugin
from soundalike.settings import Settings
from tests.e2e.conftest import Installation
from tests.sounds import music, song
from tests.source import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "mfcc-embedder"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation")


@pytest.fixture(scope="module")
def site(open_module_folder: Path) -> Path:
    """A folder that pip installed the example into."""
    source = open_module_folder / "source"
    source.mkdir()  # pip builds within it
    for name in ("pyproject.toml", "soundalike_mfcc.py"):
        (source / name).write_bytes((EXAMPLE / name).read_bytes())
    site = open_module_folder / "site"
    subprocess.run([*PIP, *OFFLINE, "--target", site, source], check=True)
    return site


def test_the_documentation_shows_its_files() -> None:
    text = (REPOSITORY / "docs" / "models.md").read_text()
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", text, re.DOTALL))
    assert blocks["python"] == (EXAMPLE / "soundalike_mfcc.py").read_text()
    assert blocks["toml"] == (EXAMPLE / "pyproject.toml").read_text()


@pytest.mark.slow
def test_it_keeps_what_is_asked_of_an_embedder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    load_plugin.cache_clear()
    embedder = load_embedder(Settings(model="mfcc-numpy"))
    assert embedder.windows.sample_rate == 16_000
    windows = np.stack([music(3.0, 16_000, 1, seed)[0] for seed in range(5)])
    features = embedder.extract(windows)
    assert features.dtype == np.float32
    assert np.array_equal(features, embedder.extract(windows)), "determinism"
    alone = np.concatenate([embedder.extract(window[None]) for window in windows])
    assert np.array_equal(features, alone), "batch invariance"
    assert len(embedder.extract(windows[:1, :16_000])) == 1, "a short track's window"
    vector = embedder.pool(features).vector
    assert (vector.dtype, vector.shape) == (np.float32, (embedder.space.dimension,))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_it_embeds_without_torch(site: Path, tmp_path: Path) -> None:
    source, flac = song(tmp_path / "song.mp3", seconds=4.0, seed=1), tmp_path / "song.flac"
    write_canonical(source, identify(source).track_id, flac)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from pathlib import Path\n"
        "from soundalike.embedders import load_embedder\n"
        "from soundalike.evaluation.recordings import vectors\n"
        "from soundalike.settings import Settings\n"
        "embedder = load_embedder(Settings(model='mfcc-numpy'))\n"
        f"assert vectors(embedder, {{'song': Path({str(flac)!r})}})['song'].shape == (40,)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_it_ingests_and_answers(site: Path, open_folder: Path, tmp_path: Path) -> None:
    folder = open_folder / "music"
    folder.mkdir()
    for seed in (1, 2, 3):
        song(folder / f"{seed}.flac", seconds=4.0, seed=seed)
    path = os.pathsep.join([str(site), str(REPOSITORY)])
    installation = Installation.at(
        open_folder / "data", tmp_path, PYTHONPATH=path, SOUNDALIKE_MODEL="mfcc-numpy"
    )
    assert "3 tracks embedded, 0 failures" in installation.run("ingest", folder)
    space = installation.ask("select space from library_settings")
    assert space.startswith("mfcc-numpy.20x3s-")
    answer = installation.run("similar", folder / "1.flac")
    assert {name for name in ("2.flac", "3.flac") if name in answer} == {"2.flac", "3.flac"}
