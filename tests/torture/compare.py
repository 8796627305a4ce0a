"""What two ingests of one library made of it, without what may differ: ids, times, batches."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, create_engine, text

from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.vectors.index.open_index import OpenIndex

Facts = dict[tuple[str, ...], object]

FILES = "select shown, track_id, size, unread from files where gone_at is null"
FAILURES = """
    select shown, stage, code from failures join files on files.id = file_id where gone_at is null
"""
HERE = "select track_id from files where gone_at is null"
TRACKS = f"""
    select id, title, artist, album, genre, year, duration, decoded_share, codec, sample_rate,
    channels, tags::text, sort_key from tracks where id in ({HERE})
"""
VECTORS = f"select track_id, space, batch_id, row from vectors where track_id in ({HERE})"
SERVED = "select version from publications order by id desc limit 1"
DEAD_RUNS = "select count(*) from dagster.runs where status in ('STARTED', 'STARTING')"


@dataclass(frozen=True)
class Difference:
    """Between an undisturbed ingest and another: what is missing in that, what is not the same."""

    lost: list[str]
    divergent: list[str]


def facts(data: Path, database_url: str | None = None) -> Facts:
    """Everything about the files that are there now, by kind and name."""
    with connected_database(Settings(data=data, DATABASE_URL=database_url)) as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = dict(_facts(data, connection))
        engine.dispose()
    return found


def _facts(data: Path, connection: Connection) -> Iterator[tuple[tuple[str, ...], object]]:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(text(statement))]

    for path, *rest in rows(FILES):
        yield ("file", path), rest
    for path, stage, code in rows(FAILURES):
        yield ("failure", path, stage), code
    tracks = rows(TRACKS)
    for track, *rest in tracks:
        yield ("track", track), rest
    for track, space, batch, row in rows(VECTORS):
        matrix = np.load(data / "embeddings" / space / f"b{batch:06d}.npy")
        yield ("vector", track, space), matrix[row].tobytes()
    here = {track for track, *_ in tracks}
    for path in (data / "audio" / "44100").glob("*/[0-9a-f]*.flac"):
        if path.stem in here:  # what was removed since keeps its audio for a while
            yield ("audio", path.name), hashlib.sha256(path.read_bytes()).hexdigest()
    [(version,)] = rows(SERVED)
    index = OpenIndex.open(data / "indexes" / version)
    yield ("index", "ids"), list(index.track_ids)
    yield ("index", "vectors"), hashlib.sha256(index.exact.vectors().tobytes()).hexdigest()
    yield ("runs", "shown as running for ever"), rows(DEAD_RUNS)


def compare(undisturbed: Facts, other: Facts) -> Difference:
    """What `other` lacks, and what it has otherwise or too much."""
    differ = [key for key in other if key not in undisturbed or other[key] != undisturbed[key]]
    return Difference(
        lost=[" ".join(key) for key in undisturbed if key not in other],
        divergent=[
            f"{' '.join(key)}: {other[key]!r:.500}, undisturbed {undisturbed.get(key)!r:.500}"
            for key in differ
        ],
    )
