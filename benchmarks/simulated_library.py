"""A library of any size without its music: empty files, rows and vectors from a seeded generator.

Only the audio is missing. The real scan finds the files, rows and .npy are written by the real
code; an album that is added is real audio and is processed by every stage.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from search_data import TRACKS_A_CLUSTER, Matrix, vectors
from sqlalchemy import text

from soundalike.audio.resample import Canonical
from soundalike.audio.sandbox import Decoders
from soundalike.audio.window_plan import WindowPlan
from soundalike.catalog import batches, results
from soundalike.catalog.engine import Sessions, engine_of
from soundalike.catalog.library import batch_number
from soundalike.catalog.results import DecodedTrack, IdentifiedTrack
from soundalike.catalog.tracks import sort_key
from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.resample import resample_batch
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport, ScanRules, scan
from soundalike.progress import NoProgress
from soundalike.storage.atomic import sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.embedding_files import save_batch

SPACE = EmbeddingSpace("simulated.768", "simulated", 768, {"version": 1})
ALBUM = 10
RATE = 44_100
RULES = ScanRules(settle_seconds=0, batch_tracks=256)


class FixedFeatures:
    """An embedder that costs next to nothing: bands of the spectrum, as many as dimensions."""

    windows = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=5)
    device = "none"
    batch = 8

    def __init__(self, space: EmbeddingSpace) -> None:
        self.space = space

    def extract(self, windows: FloatArray) -> FloatArray:
        """Map [n, 16000] to [n, dimensions]."""
        spectrum = np.abs(np.fft.rfft(windows, axis=1))[:, : 10 * self.space.dimension]
        bands: FloatArray = spectrum.reshape(len(windows), self.space.dimension, 10).mean(axis=2)
        return bands.astype(np.float32)

    def pool(self, features: FloatArray) -> Embedding:
        """Average and scale to length 1."""
        vector = features.mean(axis=0)
        return Embedding(vector / np.linalg.norm(vector))


@dataclass
class SimulatedLibrary:
    """`size` tracks in albums of ten, as on a user's disk."""

    music: Path
    sessions: Sessions
    store: ArtifactStore
    decoders: Decoders
    size: int
    space: EmbeddingSpace = SPACE

    def fill(self) -> ScanReport:
        """Make the files, scan them, and record each batch as if it had been embedded."""
        for number in range(0, self.size, ALBUM):
            album = self.music / f"artist {number // 100:05d}" / f"album {number // ALBUM:06d}"
            album.mkdir(parents=True)
            for track in range(ALBUM):
                (album / f"{track:02d} track.flac").touch()
        register_roots(self.sessions, [str(self.music)])
        report = scan(self.sessions, RULES)
        matrix = vectors(self.size, seed=5, clusters=max(10, self.size // TRACKS_A_CLUSTER))
        for start, batch in enumerate(report.batches):
            first = start * RULES.batch_tracks
            self._embed(batch, matrix[first : first + RULES.batch_tracks])
        # The server would do this by itself within a minute; a real library takes longer to fill.
        with engine_of(self.sessions).connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("vacuum analyze"))
        return report

    def scan(self, *folders: Path) -> ScanReport:
        """Scan for new files, as the schedule does; or these folders, as watching music does."""
        return scan(self.sessions, RULES, folders=[*map(str, folders)])

    def add_album(self) -> Path:
        """Add ten real files of two seconds; return their folder."""
        artist = self.music / "new artist"
        artist.mkdir(exist_ok=True)
        number = len([*artist.iterdir()])
        random = np.random.default_rng([self.size, number])
        album = artist / f"album {number}"
        album.mkdir()
        for track in range(ALBUM):
            noise = 0.1 * random.standard_normal(2 * RATE).astype(np.float32)
            soundfile.write(album / f"{track:02d}.flac", noise, RATE)
        return album

    def embed_album(self, batch: str) -> float:
        """Run the real stages; returns the seconds of decoding and the model."""
        quiet, embedder = NoProgress(), FixedFeatures(self.space)
        identify_batch(self.sessions, self.store, self.decoders, batch, quiet)
        decoded = resample_batch(self.sessions, self.store, self.decoders, batch, quiet)
        embedded = embed_batch(
            self.sessions, self.store, self.space, lambda: embedder, batch, quiet
        )
        return decoded.usage.wall_seconds + float(embedded.notes["model_seconds"])

    def _embed(self, batch: str, vectors: Matrix) -> None:
        with self.sessions.begin() as session:
            files = batches.files_of(session, batch_number(batch))
            tracks = zip((file.id for file in files), _tracks(batch, files), strict=True)
            identified = dict(tracks)
            results.record_tracks(session, identified)
            flac = DecodedTrack(Canonical(seconds=200.0, decoded_share=1.0), 0, "")
            results.record_decoded(session, {track.id: flac for track in identified.values()})
        ids = sorted(track.id for track in identified.values())
        embeddings = dict(zip(ids, map(Embedding, vectors), strict=True))
        digest = sha256_of(save_batch(self.store, self.space, batch, embeddings))
        with self.sessions.begin() as session:
            nothing: dict[str, list[dict[str, Any]]] = {track: [] for track in ids}
            results.record_embeddings(session, batch_number(batch), self.space.key, digest, nothing)


def _tracks(batch: str, files: list[batches.BatchFile]) -> Iterator[IdentifiedTrack]:
    for file in files:
        artist, album, title = file.shown.split("/")
        yield IdentifiedTrack(
            id=hashlib.blake2b(file.path, digest_size=16).hexdigest(),
            batch_id=batch_number(batch),
            title=title,
            artist=artist,
            artists=[artist],
            album=album,
            genre=None,
            genres=[],
            year=None,
            file_tags={},
            duration=200.0,
            codec="flac",
            sample_rate=RATE,
            channels=2,
            sort_key=sort_key(title, artist, album),
        )
