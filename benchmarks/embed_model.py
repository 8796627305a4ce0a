"""MERT on windows in memory: ours, and a plain loop over HubertModel."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from machine import best_seconds
from mert_95m import NEW_NAMES, flops
from safetensors.torch import load_file
from transformers import HubertConfig, HubertModel

from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.mert.model.embedder import MertEmbedder
from soundalike.embedders.mert.spec import mert_windows
from soundalike.embedders.scheduler import Scheduler

PLAN = mert_windows("balanced")
ROUNDS = 2


@dataclass(frozen=True)
class Speed:
    """`flops`: of the layers that are computed; `cosine`: to the baseline, the worst track's."""

    name: str
    times_real_time: float
    flops: float
    cosine: float


def tracks(count: int) -> list[FloatArray]:
    """`count` tracks of as many windows as the default embeds of each: float32 [6, 240000]."""
    noise = np.random.default_rng(0)
    time = np.arange(PLAN.samples, dtype=np.float32) / PLAN.sample_rate
    pitches = noise.uniform(60, 2000, (count, PLAN.max_windows, 1)).astype(np.float32)
    tones = np.sin(2 * np.pi * pitches * time) * (1 + np.sin(2 * np.pi * 2 * time))
    hiss = noise.standard_normal((count, 1, PLAN.samples), np.float32)
    return list((0.3 * tones + 0.05 * hiss).astype(np.float32))


def baseline(
    checkpoint: MertCheckpoint, music: list[FloatArray], device: torch.device
) -> tuple[Speed, list[FloatArray]]:
    """HubertModel as AutoModel gives it, all 12 layers, one track at a time, in float32."""
    tensors = load_file(checkpoint.weights)
    for new, published in NEW_NAMES.items():
        tensors = {name.replace(published, new): tensor for name, tensor in tensors.items()}
    model = HubertModel(HubertConfig(**checkpoint.config.hubert)).eval()
    model.load_state_dict(tensors)
    model.to(device)
    vectors: list[FloatArray] = []

    def work() -> None:
        vectors.clear()
        for windows in music:
            audio = torch.from_numpy(windows).to(device)
            audio = (audio - audio.mean(1, keepdim=True)) / (
                audio.var(1, keepdim=True) + 1e-7
            ).sqrt()
            with torch.no_grad():
                states = model(audio, output_hidden_states=True).hidden_states
            vector = states[checkpoint.layer].mean(dim=(0, 1)).cpu().numpy()
            vectors.append(vector / np.linalg.norm(vector))

    seconds = best_seconds(work, ROUNDS)
    layers = checkpoint.config.num_hidden_layers
    return _speed(
        "baseline: HubertModel, 12 layers", checkpoint, music, seconds, layers, 1.0
    ), vectors


def ours(
    embedder: MertEmbedder,
    checkpoint: MertCheckpoint,
    music: list[FloatArray],
    expected: list[FloatArray],
) -> Speed:
    """MERT through the scheduler, as in the pipeline."""
    scheduler: Scheduler[int] = Scheduler(embedder)
    vectors: dict[int, FloatArray] = {}

    def read(track: int) -> Iterator[FloatArray]:
        return iter(music[track])

    def work() -> None:
        for each in scheduler.run(range(len(music)), read):
            assert isinstance(each.result, Embedding)
            vectors[each.item] = each.result.vector

    seconds = best_seconds(work, ROUNDS)
    cosine = min(float(vectors[i] @ vector) for i, vector in enumerate(expected))
    name = f"ours: layer {checkpoint.layer}, {embedder.device}"
    return _speed(name, checkpoint, music, seconds, checkpoint.layer, cosine)


def _speed(
    name: str,
    checkpoint: MertCheckpoint,
    music: list[FloatArray],
    seconds: float,
    layers: int,
    cosine: float,
) -> Speed:
    windows = sum(map(len, music))
    audio_seconds = windows * PLAN.samples / PLAN.sample_rate
    done = windows * flops(checkpoint.config, PLAN.samples, layers)
    return Speed(name, audio_seconds / seconds, done / seconds, cosine)
