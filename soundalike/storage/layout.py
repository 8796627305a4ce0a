"""Paths of the artifacts below the data root. Names only; nothing here reads or writes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from soundalike.settings import AudioPlace, Settings
from soundalike.storage.bucket import Bucket


@dataclass(frozen=True)
class ArtifactStore:
    """The data root's layout.

    Every name is derived from a content hash, a batch key, a space key or an index version; no
    name ever comes from a file of the music collection or from a client. What is also in the
    `bucket`, if there is one, is there under its path below the root. `keep_audio` says where
    canonical audio stays once it is embedded.
    """

    root: Path
    bucket: Bucket | None = field(default=None, compare=False)
    keep_audio: AudioPlace = "disk"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The store of a process: its data root, and its bucket if it has one."""
        bucket = Bucket(settings.artifacts) if settings.artifacts else None
        return cls(settings.data, bucket, settings.keep_audio)

    @property
    def has_all_audio(self) -> bool:
        """Return whether all canonical audio must be in the data root, as nobody else has it."""
        return self.bucket is None and self.keep_audio == "disk"

    @property
    def cache(self) -> "ArtifactStore":
        """The layout of copies of what the bucket has, which may be removed at any time."""
        return ArtifactStore(self.root / "cache", self.bucket)

    @property
    def scratch(self) -> Path:
        """Folder of copies of files from buckets, kept for as long as they are read."""
        return self.root / "scratch"

    @property
    def canonical(self) -> Path:
        """Folder of all canonical audio, see `audio`."""
        return self.root / "audio" / "44100"

    @property
    def manifests(self) -> Path:
        """Folder of `batch_manifest`."""
        return self.root / "batches"

    @property
    def embeddings(self) -> Path:
        """Folder with a subfolder for each space, by its key."""
        return self.root / "embeddings"

    @property
    def indexes(self) -> Path:
        """Folder with a subfolder for each version."""
        return self.root / "indexes"

    @property
    def session_secret(self) -> Path:
        """File of the secret that browsers' sessions are signed with."""
        return self.root / "session-secret"

    @property
    def columns(self) -> Path:
        """Folder of the catalog's columns, which the service makes and may make again."""
        return self.root / "columns"

    @property
    def segments(self) -> Path:
        """Folder of the segments that index versions share, each in a folder by its name."""
        return self.root / "segments"

    @property
    def ground_truth(self) -> Path:
        """File of the ground truth of the index built last, which may be measured again."""
        return self.root / "ground-truth.npz"

    @property
    def maps(self) -> Path:
        """Folder of `map`."""
        return self.root / "maps"

    def audio(self, track_id: str) -> Path:
        """The track's canonical audio: 44 100 Hz mono FLAC."""
        return self.canonical / track_id[:2] / f"{track_id}.flac"

    def batch_manifest(self, batch: str) -> Path:
        """The manifest of a batch, written by raw_audio: one row per file."""
        return self.manifests / f"{batch}.parquet"

    def vectors(self, space: str, batch: str) -> Path:
        """The batch's vectors: float32 [n_tracks, dim], L2-normalised."""
        return self.embeddings / space / f"{batch}.npy"

    def sidecar(self, space: str, batch: str) -> Path:
        """The table beside `vectors`, one row per row of it: track id and tags."""
        return self.embeddings / space / f"{batch}.parquet"

    def key(self, path: Path) -> str:
        """The key in the bucket of an artifact's file or folder."""
        return path.relative_to(self.root).as_posix()

    def index(self, version: str) -> Path:
        """Folder of a version's manifest.json, which names its segments."""
        return self.indexes / version

    def map(self, version: str) -> Path:
        """Folder of the map of an index version."""
        return self.maps / version
