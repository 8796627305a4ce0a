"""Synthetic audio for comparing two versions of a network; always the same."""

import numpy as np

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import FloatArray

MAX_SECONDS = 3.0  # of a window: comparing must not take long on a slow machine


def probe_windows(plan: WindowPlan) -> FloatArray:
    """Make four dissimilar windows: float32 [4, samples] at the plan's rate.

    A chord with overtones, a beat of decaying noise, a quiet sweep, and all of them over hiss.
    """
    samples = min(plan.samples, int(MAX_SECONDS * plan.sample_rate))
    time = np.arange(samples) / plan.sample_rate
    noise = np.random.default_rng(0).standard_normal(samples)
    notes = (220.0, 277.2, 329.6)
    chord = sum(np.sin(2 * np.pi * f * k * time) / k for f in notes for k in (1, 2, 3, 4)) / 8
    beat = noise * np.exp(-12 * (2 * time % 1)) * 0.3
    sweep = 0.01 * np.sin(2 * np.pi * (60 * time + 900 * time**2))
    mixed = 0.5 * chord + 0.5 * beat + sweep + 0.005 * noise
    return np.stack([chord, beat, sweep, mixed]).astype(np.float32)
