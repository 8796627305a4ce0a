"""The same audio gives the same vector, whatever batch it is in, whichever device or precision."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.mert_95m import write_checkpoint
from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.audio.windows import read_windows
from soundalike.embedders import load_embedder
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.scheduler import Scheduler
from soundalike.settings import Settings
from tests.conftest import REPOSITORY

AGREE = 0.9999
CPU = torch.device("cpu")
TINY = REPOSITORY / "tests" / "fixtures" / "mert-v1-tiny"
GPUS = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
GPU = next((name for name, there in GPUS.items() if there), None)

on_a_gpu = pytest.mark.skipif(GPU is None, reason="there is no GPU here")


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory, demo_music: Path) -> list[Path]:
    """Four demo tracks and one shorter than any window, as canonical FLAC."""
    folder = tmp_path_factory.mktemp("canonical")
    flacs = []
    for source in sorted(demo_music.rglob("*.opus"))[::8]:
        flacs.append(folder / f"{source.stem}.flac")
        write_canonical(source, identify(source).track_id, flacs[-1])
    return flacs


@pytest.fixture(params=["mert-v1-95m", "musicnn-msd"])
def settings(request: pytest.FixtureRequest, models_dir: Path) -> Settings:
    """MERT as a tiny network with the published one's shape, musicnn with its real weights."""
    chosen = {"model": request.param, "models": models_dir, "mert_path": TINY, "windows": 3}
    return Settings(**chosen, device="cpu", precision="float32")


def embedded(embedder: Embedder, tracks: list[Path]) -> list[FloatArray]:
    every = Scheduler[Path](embedder, readers=2).run(
        tracks, lambda track: read_windows(track, embedder.windows)
    )
    results = {each.item: each.result for each in every}
    vectors = []
    for track in tracks:
        result = results[track]
        assert isinstance(result, Embedding)
        vectors.append(result.vector)
    return vectors


def assert_agree(some: list[FloatArray], others: list[FloatArray]) -> None:
    assert [float(a @ b) for a, b in zip(some, others, strict=True)] == pytest.approx(
        [1.0] * len(some), abs=1 - AGREE
    )


@pytest.mark.slow
def test_on_a_cpu_neither_order_nor_company_changes_a_bit(
    settings: Settings, tracks: list[Path]
) -> None:
    embedder = load_embedder(settings)
    together = embedded(embedder, tracks)
    backwards = embedded(embedder, tracks[::-1])[::-1]
    alone = [embedded(embedder, [track])[0] for track in tracks]
    for vector, *others in zip(together, backwards, alone, strict=True):
        assert all(vector.tobytes() == other.tobytes() for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 5])
def test_the_batch_does_not_change_the_vector(
    settings: Settings, tracks: list[Path], batch: int
) -> None:
    """Not even of what a network hears at once, as on a GPU."""
    embedder = load_embedder(settings)
    expected = embedded(embedder, tracks)
    network = embedder._run._network  # type: ignore[attr-defined]
    windows = np.stack(list(read_windows(tracks[0], embedder.windows)))
    with torch.inference_mode():
        parts = [network(part).numpy() for part in torch.from_numpy(windows).split(batch)]
    assert_agree([embedder.pool(np.concatenate(parts)).vector], expected[:1])


@pytest.mark.slow
def test_half_precision_on_a_cpu_gives_the_same_vector(tmp_path: Path, tracks: list[Path]) -> None:
    """At the full size: for small matrices torch has other products, which add up in 16 bits."""
    write_checkpoint(tmp_path)
    exact = Settings(
        model="mert-v1-95m",
        mert_path=tmp_path,
        models=tmp_path,
        windows=1,
        device="cpu",
        precision="float32",
    )
    embedder = load_embedder(exact.model_copy(update={"precision": "auto"}))
    if embedder.device == "cpu float32":
        pytest.skip("this CPU is not faster in 16 bits")
    assert embedder.device == "cpu bfloat16"
    expected = embedded(load_embedder(exact), tracks)
    halved = embedded(embedder, tracks)
    assert_agree(halved, expected)
    assert not np.array_equal(halved[0], expected[0]), "it was computed in half precision"


@on_a_gpu
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_gpu_gives_the_same_vector(
    settings: Settings, tracks: list[Path], precision: str
) -> None:
    expected = embedded(load_embedder(settings), tracks)
    embedder = load_embedder(settings.model_copy(update={"device": GPU, "precision": precision}))
    assert embedder.device.startswith(str(GPU))
    assert_agree(embedded(embedder, tracks), expected)
