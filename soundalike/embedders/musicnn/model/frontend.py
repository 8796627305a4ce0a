"""The front end of musicnn: audio to log-mel frames, as librosa's melspectrogram makes them."""

import torch
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 16_000
FFT = 512
HOP = 256
BANDS = 96


class LogMel(nn.Module):
    """Log-mel frames with the parameters of musicnn 0.1.0: power, Slaney mel, log10.

    They are in its configuration.py and extractor.py.
    """

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = mel_filter_bank(
            num_frequency_bins=FFT // 2 + 1,
            num_mel_filters=BANDS,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("filters", torch.from_numpy(filters).float())
        self.register_buffer("window", torch.hann_window(FFT))

    def forward(self, audio: Tensor) -> Tensor:
        """Map float32 [n, samples] at 16 kHz to [n, frames, 96]. Only whole frames: no padding."""
        spectrum = torch.stft(
            audio, FFT, HOP, window=self.window, center=False, return_complex=True
        ).transpose(1, 2)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log10(10_000 * (power @ self.filters) + 1)
