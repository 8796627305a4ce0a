import numpy as np
import torch
from numpy.typing import NDArray

from soundalike.embedders.musicnn.model.frontend import LogMel

from .audio import synthetic


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: 3 mel a 200 Hz up to 1 kHz, then 27 mel a factor of 6.4."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def _bands() -> NDArray[np.float64]:
    """96 triangles [257, 96] from 0 to 8 kHz, each of area 1 over hertz."""
    top = 15 + 27 * np.log(8) / np.log(6.4)
    edges = _hertz(np.linspace(0, top, 98))
    bins = np.arange(257)[:, None] * 16_000 / 512
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])


def test_frames_are_those_of_an_independent_computation() -> None:
    wave = synthetic(0).astype(np.float64)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 512)[::256] * hann
    power = np.abs(np.fft.rfft(frames)) ** 2
    expected = np.log10(10_000 * power @ _bands() + 1)

    log_mel = LogMel()(torch.from_numpy(synthetic(0))[None])[0].numpy()
    assert log_mel.shape == (187, 96)
    np.testing.assert_allclose(log_mel, expected, atol=1e-4)


def test_samples_short_of_a_frame_are_left_out_not_padded() -> None:
    log_mel = LogMel()(torch.zeros(1, 512 + 256 + 255))
    assert log_mel.shape == (1, 2, 96)
