"""A small library on disk, and the stages run on it one after another."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.ingest.canonical import resample_batch
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.index import build_index
from soundalike.ingest.publish import publish
from soundalike.ingest.scan import ScanReport, register_roots, scan
from soundalike.ingest.stage import StageReport
from soundalike.progress import Quiet
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact import IndexManifest
from tests.fakes import FakeModel


@dataclass
class Library:
    """A music folder and everything that is made from it."""

    music: Path
    sessions: Sessions
    store: ArtifactStore
    model: FakeModel = field(default_factory=FakeModel)

    def scan(self, *, batch_tracks: int = 100, confirm_removals: bool = False) -> ScanReport:
        register_roots(self.sessions, [self.music])
        return scan(
            self.sessions,
            settle_seconds=0,
            batch_tracks=batch_tracks,
            confirm_removals=confirm_removals,
        )

    def process(self, batch: str) -> list[StageReport]:
        quiet = Quiet()
        return [
            identify_batch(self.sessions, self.store, batch, quiet),
            resample_batch(self.sessions, self.store, batch, quiet),
            embed_batch(self.sessions, self.store, self.model.space, self.model.load, batch, quiet),
        ]

    def pending(self) -> list[str]:
        with self.sessions() as session:
            return [batch.key for batch in pending_batches(session, self.model.space.key)]

    def publish(self) -> IndexManifest:
        build_index(self.sessions, self.store, self.model.space, None)
        return publish(self.sessions, self.store, self.model.space, None)

    def ingest(self) -> list[StageReport]:
        """Scan and process all that is pending; returns each batch's last report."""
        self.scan()
        return [self.process(batch)[-1] for batch in self.pending()]


@pytest.fixture
def library(tmp_path: Path, sessions: Sessions, store: ArtifactStore) -> Library:
    (tmp_path / "music").mkdir()
    return Library(tmp_path / "music", sessions, store)
