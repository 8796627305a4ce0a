"""The service over synthetic tracks: a private Postgres with their rows, and uvicorn on a port."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from sqlalchemy import text
from sqlalchemy.orm import Session

from soundalike.catalog.engine import open_catalog
from soundalike.catalog.upgrade import upgrade

READY_SECONDS = 900
WORDS = 50  # as musicnn predicts them
ROWS = """
with root as (insert into roots (name, location) values ('music', '/music') returning id),
     batch as (insert into batches (id) values (1) returning id),
     track as (
        insert into tracks (id, batch_id, title, artist, artists, album, genre, genres, year,
                            duration, codec, sample_rate, channels, tags, sort_key, names)
        select lpad(to_hex(row), 32, '0'), batch.id, 'Title ' || row, 'Artist ' || row % 5000,
               array['Artist ' || row % 5000], 'Album ' || row % 20000, 'Genre ' || row % 10,
               array['Genre ' || row % 10], 1000 + row % 1000, 200, 'flac', 44100, 2,
               (select jsonb_agg(jsonb_build_object('word', 'word ' || (row + n) % :words,
                                                    'weight', 1 / (n + 1.5)) order by n)
                from generate_series(0, :words - 1) as n),
               'x' || row,
               array['title=title ' || row,
                     'name=artist ' || row % 5000 || ' title ' || row,
                     'artist=artist ' || row % 5000, 'album=album ' || row % 20000,
                     'genre=genre ' || row % 10]
        from batch, generate_series(0, :count - 1) as row returning id, batch_id)
insert into files (root_id, path, shown, size, mtime_ns, batch_id, track_id, unread)
select root.id, convert_to(track.id || '.flac', 'UTF8'), track.id || '.flac', 1, 1,
       track.batch_id, track.id, false
from root, track
"""
PUBLISH = """
with built as (insert into index_versions (version, space, model, kind, dimension, tracks)
               values (:version, 'bench', 'bench', 'flat', 768, :count)
               on conflict (version) do update set tracks = excluded.tracks returning version)
insert into publications (version, by_hand) select version, true from built
"""


def fill(url: str, count: int) -> None:
    """Tables, and a row for each track: years are even shares of 1000, artists have 20 tracks."""
    upgrade(url)
    with _writing(url) as session:
        session.execute(text(ROWS), {"count": count, "words": WORDS})
        session.execute(text("analyze tracks, files"))


def publish(url: str, version: str, count: int) -> None:
    """Publish a version, and notify the service."""
    with _writing(url) as session:
        session.execute(text(PUBLISH), {"version": version, "count": count})
        session.execute(text("select pg_notify('soundalike_published', :v)"), {"v": version})


@contextmanager
def _writing(url: str) -> Iterator[Session]:
    sessions = open_catalog(url)
    with sessions.begin() as session:
        yield session
    sessions.kw["bind"].dispose()


@contextmanager
def served(url: str, data: Path, workers: int = 1) -> Iterator[tuple[int, int]]:
    """Start the service; yields its port and process id once it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "serving"]
    settings = {
        "DATABASE_URL": url,
        "ENVIRONMENT": "production",
        "SOUNDALIKE_DATA": str(data),
        "SOUNDALIKE_PORT": str(port),
        "SOUNDALIKE_WORKERS": str(workers),
        "LOG_LEVEL": "WARNING",
    }
    child = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        wait_until_served(port)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait()


def version_at(port: int) -> str | None:
    """The version that is served now; None if the service is not ready yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/index", timeout=5) as response:
            return str(json.load(response)["version"])
    except OSError:
        return None


def wait_until_served(port: int, version: str | None = None) -> None:
    """Wait until any version, or the named one, is served. Raises TimeoutError."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        current = version_at(port)
        if current and version in (None, current):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nothing is served on port {port}")
