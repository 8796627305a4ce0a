"""The model mfcc-numpy: mean and deviation of 20 MFCCs, without torch and without weights."""

import numpy as np

from soundalike.embedders.base import Embedding, EmbeddingSpace
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.pooling import unit_mean
from soundalike.embedders.window_plans import plan_name, plan_parameters, window_plan

RATE, FRAME, HOP, BANDS, COEFFICIENTS = 16_000, 512, 256, 40, 20
EDGES = 700 * (10 ** (np.linspace(0, 2840, BANDS + 2) / 2595) - 1)  # evenly spaced in mel, to 8 kHz
ABOVE = (np.fft.rfftfreq(FRAME, 1 / RATE)[:, None] - EDGES) / np.gradient(EDGES)
MEL = np.clip(np.minimum(ABOVE[:, :-2], -ABOVE[:, 2:]), 0, None)
COSINES = np.cos(np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(COEFFICIENTS)))


class NumpyMfcc:
    device, batch = "cpu float32", 64

    def __init__(self, settings):
        self.windows = window_plan(RATE, 3 * RATE, settings.windows)
        name, parameters = f"mfcc-numpy.{plan_name(self.windows)}", plan_parameters(self.windows)
        self.space = EmbeddingSpace(name, "mfcc-numpy", 2 * COEFFICIENTS, {"v": 1, **parameters})

    def extract(self, windows):  # float32 [n, samples] -> float32 [n, features]
        frames = np.lib.stride_tricks.sliding_window_view(windows, FRAME, axis=1)[:, ::HOP]
        power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2
        cepstra = np.log(power @ MEL + 1e-6) @ COSINES
        return np.concatenate([cepstra.mean(1), cepstra.std(1)], axis=1).astype(np.float32)

    def pool(self, features):  # float32 [n, features] of one track -> its vector, of length 1
        return Embedding(unit_mean(features))


MFCC = ModelSpec("mfcc-numpy", "CC0", lambda settings: NumpyMfcc(settings).space, NumpyMfcc)
