"""The scheduler: whatever the batches, each track gets its own windows, in bounded memory."""

import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.scheduler import EmbeddedItem, Scheduler
from soundalike.errors import AudioError
from tests.fakes import FakeEmbedder

SAMPLES = 16_000


def windows_of(track: int, count: int, samples: int = SAMPLES) -> list[FloatArray]:
    time = np.arange(samples, dtype=np.float32) / SAMPLES
    return [np.sin(2 * np.pi * (200 + 40 * track + 7 * i) * time) for i in range(count)]


def library(tracks: int) -> dict[int, list[FloatArray]]:
    """Tracks of 1 to 5 windows; every seventh is shorter than one."""
    return {
        track: windows_of(track, 1, 9_000 + track)
        if track % 7 == 6
        else windows_of(track, 1 + track % 5)
        for track in range(tracks)
    }


def alone(windows: list[FloatArray]) -> Embedding:
    embedder = FakeEmbedder()
    return embedder.pool(embedder.extract(np.stack(windows)))


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("readers", [1, 3])
def test_a_track_s_embedding_does_not_depend_on_its_batch(batch: int, readers: int) -> None:
    tracks = library(40)
    scheduler: Scheduler[int] = Scheduler(FakeEmbedder(batch=batch), readers)
    embedded = {
        each.item: each for each in scheduler.run(tracks, lambda track: iter(tracks[track]))
    }
    assert embedded.keys() == tracks.keys()
    for track, windows in tracks.items():
        result = embedded[track].result
        assert isinstance(result, Embedding)
        np.testing.assert_allclose(result.vector, alone(windows).vector, atol=1e-6)
        assert embedded[track].audio_seconds == pytest.approx(sum(map(len, windows)) / SAMPLES)
    assert sum(item.model_seconds for item in embedded.values()) > 0


class Counting(FakeEmbedder):
    """Remembers the shapes it was given."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch=batch)
        self.shapes: list[tuple[int, ...]] = []

    def extract(self, windows: FloatArray) -> FloatArray:
        self.shapes.append(windows.shape)
        return super().extract(windows)


def test_batches_are_full_and_of_one_shape_and_short_tracks_are_heard_alone() -> None:
    tracks = library(21)
    embedder = Counting(batch=8)
    list(Scheduler[int](embedder, readers=2).run(tracks, lambda track: iter(tracks[track])))
    whole = [shape for shape in embedder.shapes if shape[1] == SAMPLES]
    assert {shape[0] for shape in whole[:-1]} == {8}
    short = [shape for shape in embedder.shapes if shape[1] != SAMPLES]
    assert {shape[0] for shape in short} == {1}
    assert len(short) == 3


def test_memory_stays_flat_over_ten_thousand_tracks() -> None:
    """What was read and not yet embedded is bounded by the queue, however slow the model is."""
    window = windows_of(0, 1)[0]
    lock = threading.Lock()
    count = {"read": 0, "embedded": 0, "most": 0}

    def read(_: int) -> Iterator[FloatArray]:
        for _ in range(2):
            with lock:
                count["read"] += 1
                count["most"] = max(count["most"], count["read"] - count["embedded"])
            yield window

    class Slow(FakeEmbedder):
        def extract(self, windows: FloatArray) -> FloatArray:
            with lock:
                count["embedded"] += len(windows)
            return np.ones((len(windows), 16), np.float32)

    done = sum(1 for _ in Scheduler[int](Slow(batch=16), readers=4).run(range(10_000), read))
    assert done == 10_000
    assert count["read"] == 20_000
    assert count["most"] <= 2 * 16 + 4 + 16 + 4, "queue, one in each reader's hand, one batch"


def test_a_track_of_hours_is_never_held_whole() -> None:
    """The model takes a window only after the reader could have gone on for long."""
    read = []

    def endless(_: str) -> Iterator[FloatArray]:
        for i in range(3000):
            read.append(i)
            yield windows_of(1, 1)[0]

    class Patient(FakeEmbedder):
        max_windows = 0

        def extract(self, windows: FloatArray) -> FloatArray:
            self.max_windows = max(self.max_windows, len(read) - consumed[0])
            consumed[0] += len(windows)
            return np.ones((len(windows), 16), np.float32)

    consumed = [0]
    embedder = Patient(batch=4)
    [track] = Scheduler[str](embedder, readers=1).run(["a long one"], endless)
    assert track.audio_seconds == 3000
    assert embedder.max_windows <= 2 * 4 + 4 + 1, "queue, batch, and one in the reader's hand"


def broken(track: int) -> Iterator[FloatArray]:
    yield from windows_of(track, 2)
    if track % 3 == 0:
        raise AudioError("damaged", f"track {track} is damaged")
    if track % 3 == 1:
        raise OSError(5, "Input/output error")


def test_a_track_that_cannot_be_read_to_its_end_is_its_error_and_the_others_go_on() -> None:
    embedded = {
        each.item: each.result for each in Scheduler[int](FakeEmbedder()).run(range(30), broken)
    }
    for track, result in embedded.items():
        expected = (AudioError, OSError, Embedding)[track % 3]
        assert isinstance(result, expected)
    assert len(embedded) == 30


def test_audio_that_the_model_makes_nothing_of_is_that_track_s_error() -> None:
    class Refusing(FakeEmbedder):
        def pool(self, features: FloatArray) -> Embedding:
            if features.mean() < 1e-6:
                raise AudioError("not_finite", "no usable vector")
            return super().pool(features)

    tracks = {"loud": windows_of(1, 2), "quiet": [np.zeros(SAMPLES, np.float32)]}
    every = Scheduler[str](Refusing()).run(tracks, lambda track: iter(tracks[track]))
    results = {each.item: each.result for each in every}
    assert isinstance(results["loud"], Embedding)
    assert isinstance(results["quiet"], AudioError)


class Broken(FakeEmbedder):
    def extract(self, windows: FloatArray) -> FloatArray:
        raise RuntimeError("the model is broken")


def audio_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("audio")]


def endless(_: int) -> Iterator[FloatArray]:
    while True:
        yield windows_of(0, 1)[0]


def test_a_broken_model_is_raised_and_leaves_no_reader_behind() -> None:
    with pytest.raises(RuntimeError, match="the model is broken"):
        list(Scheduler[int](Broken(), readers=4).run(range(100), endless))
    assert not audio_threads()


def test_leaving_in_the_middle_leaves_no_reader_behind() -> None:
    tracks = library(200)
    every = Scheduler[int](FakeEmbedder(), readers=4).run(tracks, lambda track: iter(tracks[track]))
    first: EmbeddedItem[int] = next(every)
    assert isinstance(first.result, Embedding)
    every.close()
    assert not audio_threads()


def test_a_consumer_that_raises_can_close_the_readers() -> None:
    every = Scheduler[int](FakeEmbedder(), readers=4).run(range(100), endless)
    with pytest.raises(OSError, match="disk"), closing(every):
        raise OSError("the disk is gone")
    assert not audio_threads()


def test_items_that_cannot_be_listed_are_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ConnectionError("the catalog is gone")

    with pytest.raises(ConnectionError):
        list(Scheduler[int](FakeEmbedder()).run(items(), lambda track: iter(windows_of(track, 1))))
