"""A collection of made-up music: real rows, real vectors, real index versions."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from soundalike.catalog import batches, library, publications, results, roots
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library import batch_number
from soundalike.catalog.results import IdentifiedTrack
from soundalike.catalog.tracks import sort_key
from soundalike.embedders.base import Embedding, EmbeddingSpace, PredictedTag
from soundalike.ingest.build_index import build_index
from soundalike.ingest.publish import publish
from soundalike.settings import KindChoice
from soundalike.sources.entry import Entry, EntryKind
from soundalike.storage.atomic import sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import INDEX
from soundalike.vectors.embedding_files import save_batch
from tests.damage import overwrite, segment_of
from tests.sounds import music

SPACE = EmbeddingSpace("made.up", "made-up", 8, {"version": 1})
TAGS = (PredictedTag("acoustic", 0.75),)
Facts = Mapping[str, Any]


class Collection:
    """What ingest leaves behind, made without audio."""

    def __init__(self, sessions: Sessions, store: ArtifactStore) -> None:
        self.sessions = sessions
        self.store = store
        self.kind: KindChoice = "auto"
        self.vectors: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
        self._batch_of: dict[str, int] = {}
        self._random = np.random.default_rng(7)

    def add(self, *facts: Facts, embedded: bool = True) -> list[str]:
        """A batch with a track for each, under random unit vectors; returns their ids."""
        paths = [fact.get("path", _unspoken_name()) for fact in facts]
        ids = [fact.get("id", uuid.uuid4().hex) for fact in facts]
        found = [Entry(path, EntryKind.MUSIC, size=1, mtime_ns=1) for path in paths]
        root = self._root()
        with self.sessions.begin() as session:
            key = library.seal(session, root, [(None, file) for file in found])
            batch = batch_number(key)
            file_ids = {file.shown: file.id for file in batches.files_of(session, batch)}
            rows = {
                file_ids[file.shown]: _identified(id_, batch, fact)
                for file, id_, fact in zip(found, ids, facts, strict=True)
            }
            results.record_tracks(session, rows)
        self._batch_of.update(dict.fromkeys(ids, batch))
        if embedded:
            tags = [fact.get("tags", TAGS) for fact in facts]
            self._embed(key, dict(zip(ids, tags, strict=True)))
        return ids

    def _root(self) -> int:
        with self.sessions.begin() as session:
            if not roots.roots(session):
                roots.add_root(session, b"/music")
            return roots.roots(session)[0].id

    def _embed(self, key: str, tags_of: Mapping[str, tuple[PredictedTag, ...]]) -> None:
        ids = list(tags_of)
        made = self._random.standard_normal((len(ids), SPACE.dimension)).astype(np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        self.vectors.update(zip(ids, made, strict=True))
        embeddings = {id_: Embedding(self.vectors[id_], tags_of[id_]) for id_ in ids}
        digest = sha256_of(save_batch(self.store, SPACE, key, embeddings))
        words = {
            id_: [{"word": tag.word, "weight": tag.weight} for tag in tags]
            for id_, tags in tags_of.items()
        }
        with self.sessions.begin() as session:
            results.record_embeddings(session, batch_number(key), SPACE.key, digest, words)

    def fail(self, track_id: str, message: str, code: str = "silence") -> None:
        """Its file did not get through a stage."""
        with self.sessions.begin() as session:
            failure = batches.StageFailure(self._file_of(track_id), code, message)
            batch, tried = self._batch_of[track_id], [failure.file.id]
            results.record_failures(session, batch, "embeddings", tried, [failure])

    def remove(self, track_id: str) -> None:
        """Its file is gone at the next scan."""
        with self.sessions.begin() as session:
            library.mark_gone(session, [self._file_of(track_id).id])

    def _file_of(self, track_id: str) -> batches.BatchFile:
        with self.sessions() as session:
            files = batches.files_of(session, self._batch_of[track_id])
        return next(file for file in files if file.track_id == track_id)

    def build(self) -> str:
        """An index of all there is, not yet published."""
        return build_index(self.sessions, self.store, SPACE, self.kind, "run-1").manifest.version

    def publish(self, version: str | None = None) -> str:
        """As the pipeline does: the version named, or a new one of all there is."""
        if version is None:
            self.build()
        return publish(self.sessions, self.store, SPACE, version).version

    def publish_unchecked(self, version: str) -> None:
        """As if the artifact had been whole when it was published."""
        with self.sessions.begin() as session:
            publications.publish(session, version, by_hand=True)

    def damage(self, version: str) -> bytes:
        """Flip one bit of a stored vector; returns the file as it was."""
        path = segment_of(self.store.index(version)) / INDEX
        whole = path.read_bytes()
        overwrite(path, whole[:-1] + bytes([whole[-1] ^ 1]))
        return whole

    def repair(self, version: str, whole: bytes) -> None:
        """Put the file back."""
        overwrite(segment_of(self.store.index(version)) / INDEX, whole)

    def nearest(self, track_id: str, among: list[str], k: int) -> list[str]:
        """By brute force."""
        others = [other for other in among if other != track_id]
        query = self.vectors[track_id]
        return sorted(others, key=lambda other: -float(self.vectors[other] @ query))[:k]


def _unspoken_name() -> bytes:
    """A file's name that is no other's and holds none of the words that tests search for."""
    return f"{uuid.uuid4().int:b}.flac".translate({ord("0"): "q", ord("1"): "x"}).encode()


def canonical(store: ArtifactStore, track_id: str, seconds: float = 1.0) -> Path:
    """The track's canonical audio, as it is after an ingest."""
    path = store.audio(track_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, music(seconds, channels=1)[0], 44_100)
    return path


def numbered(count: int, **facts: object) -> list[Facts]:
    """That many tracks called Title 0, Title 1 and so on."""
    return [{"title": f"Title {number}", **facts} for number in range(count)]


def _identified(track_id: str, batch: int, fact: Facts) -> IdentifiedTrack:
    title = fact.get("title", "Untitled")
    artist, album, genre = fact.get("artist"), fact.get("album"), fact.get("genre")
    return IdentifiedTrack(
        id=track_id,
        batch_id=batch,
        title=title,
        artist=artist,
        artists=fact.get("artists", [artist] if artist else []),
        album=album,
        genre=genre,
        genres=fact.get("genres", [genre] if genre else []),
        year=fact.get("year"),
        file_tags=fact.get("file_tags", {}),
        duration=fact.get("duration", 30.0),
        codec="flac",
        sample_rate=44_100,
        channels=2,
        sort_key=sort_key(title, artist, album),
    )
