"""A library of a million tracks in minutes: rows by SQL, vectors written straight into batches.

SimulatedLibrary records each batch as a run would, which takes hours at this size. Here triggers
are off while tables are filled, and indexes are made after them. What is there is the same: files,
tracks, words, vectors and embedded batches, and .npy files with sidecars that the real build reads.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from search_data import CHUNK, TRACKS_A_CLUSTER, Matrix
from simulated_library import ALBUM, RULES, SimulatedLibrary
from sqlalchemy import Connection, text

from soundalike.audio.tags.fields import TAGS_VERSION
from soundalike.catalog.engine import engine_of
from soundalike.catalog.library import batch_key
from soundalike.embedders.base import Embedding, EmbeddingSpace
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport
from soundalike.storage.atomic import sha256_of
from soundalike.vectors.embedding_files import save_batch

MTIME_NS = 1_700_000_000 * 10**9
INDEXED = ("tracks", "files", "file_words", "vectors")
PATHS = """
create temporary table made as
select i, i / :batch + 1 as batch_id, md5(shown) as track_id, artist, album, title, shown
from (
    select i, artist, album, title, artist || '/' || album || '/' || title as shown
    from generate_series(0, :size - 1) i,
    lateral (select 'artist ' || lpad((i / 100)::text, 5, '0') as artist,
             'album ' || lpad((i / 10)::text, 6, '0') as album,
             lpad((i % 10)::text, 2, '0') || ' track.flac' as title) named
) of_track
"""
FILL = (
    "insert into batches (id) select distinct batch_id from made",
    "insert into tracks (id, batch_id, title, artist, artists, album, genre, genres, year, "
    "duration, decoded_share, codec, sample_rate, channels, sort_key, names, tags) "
    "select track_id, batch_id, title, artist, array[artist], album, 'genre ' || i % 300, "
    "array['genre ' || i % 300], 1950 + i % 75, 200, 1, 'flac', 44100, 2, shown, "
    "array['title=' || title, 'artist=' || artist, 'album=' || album, 'genre=genre ' || i % 300], "
    "jsonb_build_array(jsonb_build_object('word', 'tag ' || i % 50, 'weight', 0.5)) from made",
    "insert into files (root_id, path, shown, size, mtime_ns, batch_id, track_id, unread, "
    "tags_version) select (select min(id) from roots), convert_to(shown, 'UTF8'), shown, 0, "
    ":mtime, batch_id, track_id, false, :tags from made order by i",
    "insert into file_words select files.id, files.track_id, files.shown, "
    "to_tsvector('simple', files.shown) from files",
    "insert into vectors select :space, track_id, batch_id, "
    'row_number() over (partition by batch_id order by track_id collate "C") - 1 from made',
)
RECORD = text(
    "insert into embedded_batches (space, batch_id, rows, sha256) "
    "values (:space, :batch, :rows, :sha256)"
)


def space_of(dimension: int) -> EmbeddingSpace:
    """A space of that many dimensions, of no model."""
    return EmbeddingSpace(f"simulated.{dimension}", "simulated", dimension, {"version": 1})


@dataclass
class LargeLibrary(SimulatedLibrary):
    """`size` tracks in albums of ten; `with_files`: their empty files are on the disk too."""

    with_files: bool = True

    def fill(self) -> ScanReport:
        """Make the files, the rows and the vectors."""
        self.music.mkdir(parents=True, exist_ok=True)
        if self.with_files:
            self._touch()
        register_roots(self.sessions, [str(self.music)])
        with engine_of(self.sessions).begin() as connection:
            self._fill_tables(connection)
            self._write_vectors(connection)
        with engine_of(self.sessions).connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("vacuum analyze"))
        return ScanReport()

    def _touch(self) -> None:
        for number in range(0, self.size, ALBUM):
            album = self.music / f"artist {number // 100:05d}" / f"album {number // ALBUM:06d}"
            album.mkdir(parents=True)
            for track in range(min(ALBUM, self.size - number)):
                path = f"{album}/{track:02d} track.flac"
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
                os.utime(path, ns=(MTIME_NS, MTIME_NS))

    def _fill_tables(self, connection: Connection) -> None:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("set local maintenance_work_mem = '512MB'"))
        made = text(
            "select indexname, indexdef from pg_indexes where schemaname = 'public' and "
            "tablename = any(:tables) and indexdef not like 'CREATE UNIQUE%'"
        )
        indexes = connection.execute(made, {"tables": [*INDEXED]}).all()
        for name, _ in indexes:
            connection.execute(text(f"drop index {name}"))
        of_size = {"size": self.size, "batch": RULES.batch_tracks}
        connection.execute(text(PATHS), of_size)
        values = {"mtime": MTIME_NS, "tags": TAGS_VERSION, "space": self.space.key}
        for statement in FILL:
            connection.execute(text(statement), values)
        for _, definition in indexes:
            connection.exec_driver_sql(definition.replace("%", "%%"))

    def _write_vectors(self, connection: Connection) -> None:
        ids = connection.execute(
            text('select track_id from made order by batch_id, track_id collate "C"'),
            execution_options={"stream_results": True},
        )
        for number, (rows, matrix) in enumerate(
            zip(ids.partitions(RULES.batch_tracks), self._vectors(), strict=True)
        ):
            tracks = [row.track_id for row in rows]
            embeddings = dict(zip(tracks, map(Embedding, matrix), strict=True))
            path = save_batch(self.store, self.space, batch_key(number + 1), embeddings)
            found = {"rows": len(tracks), "sha256": sha256_of(path)}
            about = {"space": self.space.key, "batch": number + 1}
            connection.execute(RECORD, about | found)

    def _vectors(self) -> Iterator[Matrix]:
        """Yield the vectors of each batch: members of clusters around a common mean."""
        dimension, random = self.space.dimension, np.random.default_rng(5)
        scale = (np.arange(1, dimension + 1) ** -0.7).astype(np.float32)
        clusters = max(10, self.size // TRACKS_A_CLUSTER)
        centres = random.standard_normal((clusters, dimension), np.float32) * scale
        common = 3 * random.standard_normal(dimension, np.float32) * scale
        step = CHUNK // RULES.batch_tracks * RULES.batch_tracks
        for start in range(0, self.size, step):
            count = min(step, self.size - start)
            part = random.standard_normal((count, dimension), np.float32) * (
                np.float32(0.6) * scale
            )
            part += np.float32(0.8) * centres[random.integers(0, clusters, count)] + common
            part /= np.linalg.norm(part, axis=1, keepdims=True)
            for first in range(0, count, RULES.batch_tracks):
                yield part[first : first + RULES.batch_tracks]
