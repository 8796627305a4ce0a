"""A small library on disk, and the stages run on it one after another."""

from dataclasses import dataclass, field
from pathlib import Path

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.ingest.build_index import build_index
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.healing import heal
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.publish import publish
from soundalike.ingest.resample import resample_batch
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport, ScanRules, scan
from soundalike.ingest.stage import StageReport
from soundalike.progress import NoProgress
from soundalike.settings import MUSIC_EXTENSIONS
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import IndexManifest
from tests.fakes import FakeModel


@dataclass
class Library:
    """A music folder and everything that is made from it."""

    music: Path
    sessions: Sessions
    store: ArtifactStore
    decoders: Decoders
    model: FakeModel = field(default_factory=FakeModel)
    length: tuple[float, float] = (0.0, float("inf"))

    def scan(self, *, batch_tracks: int = 100, confirm_removals: bool = False) -> ScanReport:
        register_roots(self.sessions, [str(self.music)])
        shortest, longest = self.length
        rules = ScanRules(0, batch_tracks, MUSIC_EXTENSIONS, shortest, longest, self.store.root)
        return scan(self.sessions, rules, confirm_removals=confirm_removals)

    def process(self, batch: str) -> list[StageReport]:
        quiet = NoProgress()
        space = None if self.store.has_all_audio else self.model.space.key
        return [
            identify_batch(self.sessions, self.store, self.decoders, batch, quiet),
            resample_batch(self.sessions, self.store, self.decoders, batch, quiet, space=space),
            embed_batch(self.sessions, self.store, self.model.space, self.model.load, batch, quiet),
        ]

    def pending(self) -> list[str]:
        with self.sessions() as session:
            return [batch.key for batch in pending_batches(session, self.model.space.key)]

    def publish(self) -> IndexManifest:
        build_index(self.sessions, self.store, self.model.space, "auto")
        return publish(self.sessions, self.store, self.model.space, None)

    def ingest(self) -> list[StageReport]:
        """Scan, heal, process all that is pending; returns each batch's last report."""
        self.scan()
        heal(self.sessions, self.store)
        return [self.process(batch)[-1] for batch in self.pending()]
