"""The scheduler: windows of many tracks, read ahead by threads, embedded in full batches.

    readers (threads) ──▶ bounded queue ──▶ batches of equal windows ──▶ model ──▶ track by track

Reading runs outside the interpreter's lock, so that the model waits for audio only if reading is
slower than the model. A track's windows are never in memory together: memory depends on the batch
and the queue, not on the number or length of tracks.
"""

import time
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Semaphore
from typing import Generic, TypeVar

import numpy as np

from soundalike.audio.windows import read_windows
from soundalike.cores import available_cores
from soundalike.embedders.base import Embedder, Embedding, FloatArray
from soundalike.errors import AudioError

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
ReadWindows = Callable[[Item], Iterator[FloatArray]]

MAX_READERS = 8


@dataclass(frozen=True)
class EmbeddedItem(Generic[Item]):
    """A track's embedding, or the error that reading or embedding it raised.

    `audio_seconds`: the length of its windows. `model_seconds`: its share of the time that the
    model ran; the rest of the time the model waited for audio.
    """

    item: Item
    result: Embedding | Exception
    audio_seconds: float
    model_seconds: float


@dataclass(eq=False)
class _Track(Generic[Item]):
    item: Item
    windows: int = 0
    samples: int = 0
    model_seconds: float = 0.0
    features: list[FloatArray] = field(default_factory=list)
    ended: bool = False
    error: Exception | None = None

    @property
    def complete(self) -> bool:
        return self.ended and len(self.features) == self.windows


_Piece = tuple[_Track[Item], FloatArray | None]  # a window, or None for the track's end


@contextmanager
def embed_files(
    embedder: Embedder, flacs: Mapping[Key, Path]
) -> Iterator[Iterator[EmbeddedItem[Key]]]:
    """Embed canonical FLACs; yields an iterator of their results, by key, in order of completion.

    An error of reading a file, or an AudioError of pooling, is that file's result; other errors of
    the model are raised. Leaving the block stops the reading.
    """

    def read(key: Key) -> Iterator[FloatArray]:
        """Read a file's windows, float32 [samples]."""
        return read_windows(flacs[key], embedder.windows)

    # Closed even if the caller's block raises; otherwise the readers would wait for ever.
    with closing(Scheduler[Key](embedder).run(flacs, read)) as items:
        yield items


class Scheduler(Generic[Item]):
    """Drives one embedder; by default with one reading thread per core, at most eight."""

    def __init__(self, embedder: Embedder, readers: int | None = None) -> None:
        self._embedder = embedder
        self._readers = readers or min(MAX_READERS, available_cores())

    def run(
        self, items: Iterable[Item], read: ReadWindows[Item]
    ) -> Generator[EmbeddedItem[Item], None, None]:
        """Embed every item; results are yielded as they are complete, in no particular order.

        `read` yields an item's windows, float32 [samples], and runs in a thread. An exception that
        it raises, or an AudioError of pooling, is that item's result; other errors of the model are
        raised here. Close the generator if you leave it early; otherwise the readers wait for ever.
        """
        waiting: list[tuple[_Track[Item], FloatArray]] = []
        with _ReadAhead(items, read, self._readers, 2 * self._embedder.batch) as pieces:
            for track, window in pieces:
                if window is None:
                    track.ended = True
                    if track.error:  # no embedding will come of its windows
                        waiting = [piece for piece in waiting if piece[0] is not track]
                    if track.error or track.complete:
                        yield self._finished(track)
                elif len(window) != self._embedder.windows.samples:
                    self._extract([(track, window)])  # a short track's, in a batch of its own
                else:
                    waiting.append((track, window))
                if len(waiting) >= self._embedder.batch:
                    yield from self._extract(waiting)
                    waiting = []
            yield from self._extract(waiting)

    def _extract(self, pieces: list[tuple[_Track[Item], FloatArray]]) -> list[EmbeddedItem[Item]]:
        """Extract the features of windows; returns the tracks that this completes."""
        if not pieces:
            return []
        started = time.monotonic()
        features = self._embedder.extract(np.stack([window for _, window in pieces]))
        share = (time.monotonic() - started) / len(pieces)
        for (track, window), extracted in zip(pieces, features, strict=True):
            track.features.append(extracted)
            track.samples += len(window)
            track.model_seconds += share
        tracks = dict.fromkeys(track for track, _ in pieces)
        return [self._finished(track) for track in tracks if track.complete and not track.error]

    def _finished(self, track: _Track[Item]) -> EmbeddedItem[Item]:
        audio_seconds = track.samples / self._embedder.windows.sample_rate
        result = track.error or self._pooled(track)
        return EmbeddedItem(track.item, result, audio_seconds, track.model_seconds)

    def _pooled(self, track: _Track[Item]) -> Embedding | AudioError:
        try:
            return self._embedder.pool(np.stack(track.features))
        except AudioError as error:
            return error


class _ReadAhead(Generic[Item]):
    """Reads items in threads; at most `ahead` windows are read and not yet consumed."""

    def __init__(
        self, items: Iterable[Item], read: ReadWindows[Item], readers: int, ahead: int
    ) -> None:
        self._items = iter(items)
        self._read = read
        self._readers = readers
        self._lock = Lock()
        self._stop = Event()
        self._free_slots = Semaphore(ahead)
        self._pieces: SimpleQueue[_Piece[Item] | None] = SimpleQueue()
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="audio")

    def __enter__(self) -> Iterator[_Piece[Item]]:
        self._ends = [self._pool.submit(self._work) for _ in range(self._readers)]
        return self._consumed()

    def __exit__(self, *_: object) -> None:
        """Stop the readers, also those that wait for a free slot."""
        self._stop.set()
        self._free_slots.release(self._readers)
        self._pool.shutdown()

    def _consumed(self) -> Iterator[_Piece[Item]]:
        ended = 0
        while ended < self._readers:
            piece = self._pieces.get()
            if piece is None:
                ended += 1
                continue
            if piece[1] is not None:
                self._free_slots.release()
            yield piece
        for end in self._ends:
            end.result()  # raises an error of iterating the items

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    track = _Track(next(self._items))
                self._read_track(track)
        except StopIteration:
            return
        finally:
            self._pieces.put(None)

    def _read_track(self, track: _Track[Item]) -> None:
        try:
            for window in self._read(track.item):
                self._free_slots.acquire()
                if self._stop.is_set():
                    return
                track.windows += 1
                self._pieces.put((track, window))
        except Exception as error:
            track.error = error
        self._pieces.put((track, None))
