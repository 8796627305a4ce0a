from pathlib import Path

import numpy as np
import pytest
import torch
from immich_memories_music import tracks_dir
from safetensors.torch import load_file

from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.embedders.musicnn.download import FILE
from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.musicnn.model.network import Musicnn
from soundalike.embedders.musicnn.spec import DIMENSION
from soundalike.errors import AudioError

from .audio import first_windows, synthetic

WINDOWS = np.stack([synthetic(0), synthetic(1) * 3])


def _embed(embedder: Embedder, windows: FloatArray) -> Embedding:
    return embedder.pool(embedder.extract(windows))


@pytest.fixture(scope="session")
def demo(musicnn: Embedder) -> dict[str, Embedding]:
    """Name without suffix -> embedding, of the 28 demo tracks, from 15 s of each."""
    tracks = sorted(tracks_dir().rglob("*.opus"))
    return {path.stem: _embed(musicnn, first_windows(path, 5)) for path in tracks}


@pytest.mark.parametrize(("frames", "case"), [(187, "whole"), (61, "short")])
def test_the_network_answers_as_the_original_in_tensorflow(
    models_dir: Path, frames: int, case: str
) -> None:
    """musicnn_reference.npz: musicnn 0.1.0's own models.py under TensorFlow 2.15, on librosa
    0.11's melspectrogram (center=False) of `WINDOWS`; short: on the first 61 frames."""
    network = Musicnn(load_file(models_dir / "musicnn-msd" / FILE))
    with np.load(Path(__file__).parent / "musicnn_reference.npz") as reference:
        _, hidden, tags = network(LogMel()(torch.from_numpy(WINDOWS))[:, :frames])
        np.testing.assert_allclose(hidden, reference[f"{case}_penultimate"], atol=1e-4)
        np.testing.assert_allclose(tags, reference[f"{case}_tags"], atol=1e-5)


def test_what_is_pooled_is_what_the_dense_layers_get(models_dir: Path) -> None:
    """The layer's dead channels are constants, so that the alive ones explain the penultimate."""
    network = Musicnn(load_file(models_dir / "musicnn-msd" / FILE))
    seen: list[torch.Tensor] = []
    network.hidden.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        pooled, _, _ = network(LogMel()(torch.from_numpy(WINDOWS)))
    assert pooled.shape == (2, DIMENSION)
    [whole] = seen
    varies = (whole[0] != whole[1]).nonzero().flatten()
    assert torch.equal(whole[:, varies], pooled[:, pooled[0] != pooled[1]])
    assert len(varies) > DIMENSION // 2


def test_the_same_audio_gives_the_same_bits(musicnn: Embedder) -> None:
    once, again = _embed(musicnn, WINDOWS), _embed(musicnn, WINDOWS)
    assert once.vector.tobytes() == again.vector.tobytes()
    assert once.tags == again.tags


def test_a_track_of_a_second_is_one_short_window(musicnn: Embedder) -> None:
    embedding = _embed(musicnn, WINDOWS[:1, : musicnn.windows.sample_rate])
    assert embedding.vector.shape == (musicnn.space.dimension,)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-6)


def test_audio_that_is_not_finite_is_refused(musicnn: Embedder) -> None:
    with pytest.raises(AudioError) as refused:
        _embed(musicnn, np.full((1, musicnn.windows.samples), np.nan, np.float32))
    assert refused.value.code == "not_finite"


def test_tags_are_ranked_rounded_and_complete(musicnn: Embedder) -> None:
    tags = _embed(musicnn, WINDOWS).tags
    weights = [tag.weight for tag in tags]
    assert len({tag.word for tag in tags}) == 50
    assert weights == sorted(weights, reverse=True)
    assert all(0 <= weight <= 1 and weight == round(weight, 4) for weight in weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("track", "expected"),
    [
        ("happy_electronic_2", {"electronic", "dance", "House"}),
        ("calm_acoustic_1", {"acoustic", "folk", "indie"}),
    ],
)
def test_the_strongest_tags_are_what_people_hear(
    demo: dict[str, Embedding], track: str, expected: set[str]
) -> None:
    assert {tag.word for tag in demo[track].tags[:5]} >= expected, demo[track].tags[:6]


def test_neighbours_share_the_instrumentation(demo: dict[str, Embedding]) -> None:
    """28 tracks, 3 nearest each; chance is about 50 %."""
    electronic = np.array(["electronic" in name for name in demo])
    vectors = np.stack([embedding.vector for embedding in demo.values()])
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    nearest = np.argsort(-scores, axis=1)[:, :3]
    assert (electronic[nearest] == electronic[:, None]).mean() >= 0.95
