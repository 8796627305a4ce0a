"""Collections: an index version's vectors in Milvus, by track id. One for each version.

A collection is written under a name that nobody searches, and renamed once it is whole, so what has
a version's name is whole. The alias `soundalike_published` is of the published one.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import MilvusError
from soundalike.vectors.milvus.server import Milvus

PREFIX, BUILDING, PUBLISHED = "soundalike_", "soundalike_building_", "soundalike_published"
ID, VECTOR = "id", "vector"
GRAPH = {"M": 32, "efConstruction": 360}
MIN_BREADTH, MAX_BREADTH = 400, 32_768  # HNSW's `ef`
MAX_FOUND = 16_384  # Milvus gives no more results of a search, or of a query
READ_AT_ONCE = 1000  # vectors, by their ids
WRITE_BYTES = 8 * 2**20  # of vectors in a request; Milvus takes 64 MiB
SEARCH_SECONDS, WRITE_SECONDS, INDEX_SECONDS = 20.0, 600.0, 6 * 3600.0
POLL_SECONDS = 0.2


def name_of(version: str) -> str:
    """Return the name of a version's collection."""
    return f"{PREFIX}{version}"


@dataclass(frozen=True, eq=False)
class Found:
    """Tracks that Milvus found for a vector, best first; `estimates` are its scores, float32 [c].

    `vectors` are float32 [c, dim], bit for bit as they were written. Of equal scores, the order is
    none.
    """

    track_ids: list[str]
    estimates: NDArray[np.float32]
    vectors: NDArray[np.float32]


class MilvusCollection:
    """One collection. All methods raise MilvusError."""

    def __init__(self, milvus: Milvus, name: str) -> None:
        """Use the collection of this name."""
        self.milvus, self.name = milvus, name

    def exists(self) -> bool:
        """Return whether it is there."""
        with self.milvus.answering() as client:
            return bool(client.has_collection(self.name, timeout=SEARCH_SECONDS))

    def create(self, dimension: int, id_bytes: int) -> None:
        """Create it, without an index yet."""
        from pymilvus import DataType  # noqa: PLC0415 - an optional package

        with self.milvus.answering() as client:
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field(ID, DataType.VARCHAR, is_primary=True, max_length=max(id_bytes, 1))
            schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
            # It is whole before it is searched, so no reader waits for what others write.
            client.create_collection(
                self.name, schema=schema, consistency_level="Eventually", timeout=WRITE_SECONDS
            )

    def insert(self, track_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Write these tracks' vectors, float32 [m, dim], in requests of a bounded size."""
        step = max(1, WRITE_BYTES // (vectors.shape[1] * 4))
        for start in range(0, len(track_ids), step):
            pairs = zip(track_ids[start : start + step], vectors[start : start + step], strict=True)
            rows = [{ID: track_id, VECTOR: vector} for track_id, vector in pairs]
            with self.milvus.answering() as client:
                client.insert(self.name, rows, timeout=WRITE_SECONDS)

    def index(self, *, exact: bool) -> None:
        """Index all that was written: to be searched exhaustively if `exact`, else by a graph.

        An index that is there before is built in the background meanwhile, and a cursory one is
        searched; milvus-lite reads files of it that are not yet written.
        """
        with self.milvus.answering() as client:
            client.flush(self.name, timeout=WRITE_SECONDS)
            indexes = client.prepare_index_params()
            kind = {"index_type": "FLAT"} if exact else {"index_type": "HNSW", "params": GRAPH}
            indexes.add_index(VECTOR, metric_type="IP", **kind)
            client.create_index(self.name, indexes, timeout=INDEX_SECONDS)
            self._await_index(client)

    def load(self) -> None:
        """Have it in Milvus' memory."""
        with self.milvus.answering() as client:
            client.load_collection(self.name, timeout=WRITE_SECONDS)

    def _await_index(self, client: Any) -> None:  # noqa: ANN401 - an optional package
        deadline = time.monotonic() + INDEX_SECONDS
        while int(client.describe_index(self.name, VECTOR).get("pending_index_rows", 0)):
            if time.monotonic() > deadline:
                raise MilvusError(
                    f"Milvus at {self.milvus.shown} has not indexed {self.name} within "
                    f"{INDEX_SECONDS / 3600:.0f} hours; its log may say why"
                )
            time.sleep(POLL_SECONDS)

    def track_ids(self) -> Iterator[str]:
        """Yield the id of every track, in no order."""
        with self.milvus.answering() as client:
            found = client.query_iterator(
                self.name, batch_size=MAX_FOUND, output_fields=[ID], timeout=WRITE_SECONDS
            )
            while rows := found.next():
                yield from (row[ID] for row in rows)
            found.close()

    def nearest(
        self, queries: NDArray[np.float32], count: int, among: Iterable[str] | None = None
    ) -> list[Found]:
        """Search for up to `count` tracks near each of the queries, float32 [q, dim].

        `among`: of these tracks only. `count` may not be above MAX_FOUND.
        """
        breadth = min(max(MIN_BREADTH, 2 * count), MAX_BREADTH)
        with self.milvus.answering() as client:
            answers = client.search(
                self.name,
                data=list(queries),
                limit=count,
                filter="" if among is None else _among(among),
                output_fields=[VECTOR],
                search_params={"metric_type": "IP", "params": {"ef": breadth}},
                timeout=SEARCH_SECONDS,
            )
            return [_found(hits, queries.shape[1]) for hits in answers]

    def vectors(self, track_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the vectors of these tracks, float32 [dim] each. Raises MilvusError if it lacks one.

        Its text names that one.
        """
        found: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(track_ids), READ_AT_ONCE):
            wanted = track_ids[start : start + READ_AT_ONCE]
            with self.milvus.answering() as client:
                rows = client.query(
                    self.name,
                    filter=_among(wanted),
                    output_fields=[ID, VECTOR],
                    timeout=SEARCH_SECONDS,
                )
            found |= {row[ID]: np.asarray(row[VECTOR], np.float32) for row in rows}
        if lost := next((track for track in track_ids if track not in found), None):
            raise MilvusError(f"{self.name} in Milvus at {self.milvus.shown} lacks track {lost}")
        return found

    def rename(self, name: str) -> None:
        """Give it another name."""
        with self.milvus.answering() as client:
            client.rename_collection(self.name, name, timeout=SEARCH_SECONDS)
        self.name = name

    def release(self) -> None:
        """Have it out of Milvus' memory; it stays on its disk."""
        with self.milvus.answering() as client:
            client.release_collection(self.name, timeout=WRITE_SECONDS)

    def drop(self) -> None:
        """Remove it."""
        with self.milvus.answering() as client:
            client.drop_collection(self.name, timeout=WRITE_SECONDS)


def names(milvus: Milvus, prefix: str = PREFIX) -> list[str]:
    """Return the names of the collections that begin so. Raises MilvusError."""
    with milvus.answering() as client:
        return [name for name in client.list_collections() if name.startswith(prefix)]


def switch_alias(milvus: Milvus, version: str) -> None:
    """Let the alias lead to a version's collection, at once. Raises MilvusError."""
    with milvus.answering() as client:
        known = [
            name
            for name in names(milvus)
            if PUBLISHED in client.list_aliases(name, timeout=SEARCH_SECONDS)["aliases"]
        ]
        switch = client.alter_alias if known else client.create_alias
        switch(name_of(version), PUBLISHED, timeout=SEARCH_SECONDS)


def _among(track_ids: Iterable[str]) -> str:
    return f"{ID} in [{','.join(map(json.dumps, track_ids))}]"


def _found(hits: Any, dimension: int) -> Found:  # noqa: ANN401 - an optional package
    vectors = np.array([hit["entity"][VECTOR] for hit in hits], np.float32)
    return Found(
        [hit[ID] for hit in hits],
        np.array([hit["distance"] for hit in hits], np.float32),
        vectors.reshape(len(hits), dimension),
    )
