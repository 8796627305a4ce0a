"""Finding tracks by words: the statements of GET /v1/tracks?q= against a scan with ILIKE.

Names are made of 20 000 words with Zipf's frequencies, as titles are: the most frequent word is
in a quarter of all tracks. Every figure is of a page of 50 and the number of all matches.
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from soundalike.catalog import track_lists, tracks
from soundalike.catalog.engine import Sessions, engine_of, open_catalog
from soundalike.catalog.search_words import record_words
from soundalike.catalog.tables import Base, BatchRow, FileRow, FileWordsRow, RootRow, TrackRow
from soundalike.catalog.tracks import sort_key
from soundalike.catalog.upgrade import upgrade
from soundalike.postgres import connected_database
from soundalike.settings import Settings

WORDS = 20_000
SYLLABLES = ("ka", "lo", "mi", "ra", "tu", "né", "so", "vi", "el", "an", "ör", "ber", "ton", "sha")
ROWS_AT_ONCE = 1000
PAGE = 50
QUERIES = 50  # tracks, each of which is asked for in four ways
BASELINE_QUERIES = 5
INDEXES = [
    index
    for row in (TrackRow, FileWordsRow)
    for index in Base.metadata.tables[row.__tablename__].indexes
    if index.dialect_options["postgresql"]["using"] == "gin"
]
BASELINE = """
    from tracks t where exists (select from files f where f.track_id = t.id and f.gone_at is null)
"""
CONTAINS = """
    and (t.title ilike :{0} or t.artist ilike :{0} or t.album ilike :{0} or exists (
        select from files f where f.track_id = t.id and f.gone_at is null and f.shown ilike :{0}))
"""


class Names:
    """A seeded source of names."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)
        syllables = itertools.chain.from_iterable(
            itertools.product(SYLLABLES, repeat=length) for length in (1, 2, 3, 4)
        )
        made = ["".join(parts) for parts in syllables]
        self._random.shuffle(made)
        self._vocabulary = made[:WORDS]
        weights = 1 / np.arange(1, WORDS + 1) ** 0.8
        self._cumulated = np.cumsum(weights / weights.sum())

    def name(self, most: int) -> str:
        """A name of one to `most` words."""
        draws = self._random.random(self._random.integers(1, most + 1))
        rows = np.searchsorted(self._cumulated, draws).clip(max=WORDS - 1)
        return " ".join(self._vocabulary[row] for row in rows).title()

    def choice(self, count: int) -> int:
        """A number below `count`."""
        return int(self._random.integers(count))


def fill(sessions: Sessions, count: int) -> None:
    """Rows of `count` tracks in albums of ten, indexed at the end, which is faster."""
    names, engine = Names(), engine_of(sessions)
    artists = [names.name(3) for _ in range(max(1, count // 50))]
    for index in INDEXES:
        index.drop(engine)
    with sessions.begin() as session:
        session.add_all((RootRow(location=b"/music", name="music"), BatchRow(id=1)))
    for start in range(0, count, ROWS_AT_ONCE):
        with sessions.begin() as session:
            rows = list(_tracks(names, artists, range(start, min(count, start + ROWS_AT_ONCE))))
            session.execute(insert(TrackRow), rows)
            session.execute(insert(FileRow), list(map(_file, rows)))
            record_words(session, [str(row["id"]) for row in rows])
    for index in INDEXES:
        index.create(engine)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("vacuum analyze"))


def _tracks(names: Names, artists: list[str], numbers: range) -> Iterator[dict[str, str | int]]:
    artist, album = "", ""
    for number in numbers:
        if number % 10 == 0:
            artist, album = artists[names.choice(len(artists))], names.name(4)
        title = names.name(5)
        described = {"title": title, "artist": artist, "album": album}
        audio = {"codec": "flac", "sample_rate": 44_100, "channels": 2, "batch_id": 1}
        key = sort_key(title, artist, album)
        yield {"id": f"{number:032x}", "sort_key": key, **described, **audio}


def _file(row: dict[str, str | int]) -> dict[str, str | int | bytes | bool]:
    shown = f"{row['artist']}/{row['album']}/{str(row['id'])[-2:]} {row['title']}.flac"
    facts = {"root_id": 1, "size": 1, "mtime_ns": 1, "batch_id": 1, "unread": False}
    return {"path": shown.encode(), "shown": shown, "track_id": row["id"], **facts}


def queries(session: Session, count: int) -> list[str]:
    """Titles, artists, full names and single words of tracks spread evenly over the library."""
    rows = np.linspace(0, count - 1, QUERIES).astype(int)
    found = session.execute(tracks.by_ids([f"{row:032x}" for row in rows])).all()
    views = list(map(tracks.view, found))
    ways: list[Callable[[tracks.TrackView], str]] = [
        lambda view: view.title,
        lambda view: view.artist or "",
        lambda view: view.name,
        lambda view: max(view.title.split(), key=len),
    ]
    return [way(view) for view in views for way in ways]


def search(session: Session, query: str) -> int:
    """What the service does for a query; returns the number of matches."""
    session.execute(*track_lists.page(query, PAGE + 1, None)).all()
    return session.scalar(*track_lists.count(query)) or 0


def scan_names(session: Session, query: str) -> int:
    """The same by ILIKE over all names; returns the number of matches."""
    words = {f"w{number}": f"%{word}%" for number, word in enumerate(query.split())}
    where = BASELINE + "".join(CONTAINS.format(name) for name in words)
    page = f"select t.* {where} order by t.sort_key, t.id limit {PAGE + 1}"
    session.execute(text(page), words).all()
    return session.scalar(text(f"select count(*) {where}"), words) or 0


def timed(session: Session, query: str, way: Callable[[Session, str], int]) -> tuple[float, int]:
    """Milliseconds of the better of two times, and the number of matches."""
    best, matches = float("inf"), 0
    for _ in range(2):
        started = time.perf_counter()
        matches = way(session, query)
        best = min(best, (time.perf_counter() - started) * 1000)
    return best, matches


def measure(session: Session, count: int) -> dict[str, float]:
    """Time all queries, and some of them with the baseline."""
    asked = queries(session, count)
    found = [timed(session, query, search) for query in asked]
    assert all(matches for _, matches in found)
    times = [each for each, _ in found]
    step = len(asked) // BASELINE_QUERIES
    baseline = [timed(session, query, scan_names)[0] for query in asked[::step]]
    p50, p95 = np.percentile(times, [50, 95])
    ilike = float(np.median(baseline))
    widest = max(matches for _, matches in found)
    print(
        f"  {len(asked)} queries: p50 {p50:.1f} ms, p95 {p95:.1f} ms, most {max(times):.1f} ms "
        f"({widest} matches at most)\n  ILIKE: {ilike:.0f} ms, {ilike / p50:.0f} x"
    )
    figures = {"text_ms": p50, "text_p95_ms": p95, "text_ilike_ms": ilike}
    return {**figures, "text_speedup": ilike / p50}


def main() -> None:
    count = int(sys.argv[2])
    print(f"\nwords, {count} tracks")
    with tempfile.TemporaryDirectory(prefix="bench-text-") as name:
        Path(name).chmod(0o755)
        with connected_database(Settings(data=Path(name)), durable=False) as url:
            upgrade(url)
            sessions = open_catalog(url)
            fill(sessions, count)
            with sessions() as session:
                figures = measure(session, count)
            sessions.kw["bind"].dispose()
    print(json.dumps({f"{key}_{count}": float(value) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
