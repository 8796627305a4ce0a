"""Facets, statistics and look-ups by identifier in a made-up catalog: milliseconds a request.

`python -m benchmarks.catalog_facets [TRACKS]`: the catalog of benchmarks/search_text.py, whose
tracks get artists, genres, years, tags, ISRCs and MusicBrainz ids. The requests go through the API.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from sqlalchemy import text

from benchmarks.search_text import fill
from serving.app import create_app
from soundalike.catalog.engine import Sessions, engine_of, open_catalog
from soundalike.catalog.upgrade import upgrade
from soundalike.postgres import connected_database
from soundalike.settings import Settings

REPEATS = 15
DESCRIBED = """
update tracks set
    artists = array[artist],
    genres = array['Genre ' || (('x' || right(id, 4))::bit(16)::int % 300)],
    genre = 'Genre ' || (('x' || right(id, 4))::bit(16)::int % 300),
    year = 1950 + ('x' || right(id, 4))::bit(16)::int % 75,
    duration = 120 + ('x' || right(id, 4))::bit(16)::int % 300,
    tags = (
        select jsonb_agg(jsonb_build_object(
            'word', 'tag ' || (n * 7 + length(title)) % 50, 'weight', 1 - n / 50.0))
        from generate_series(0, 49) n),
    file_tags = jsonb_build_object('isrcs', jsonb_build_array('QZ' || upper(right(id, 10))),
                                   'musicbrainz_recording_id', md5(id)::uuid::text),
    names = names || ('genre=genre ' || (('x' || right(id, 4))::bit(16)::int % 300))
"""
REQUESTS = {
    "artists": "/v1/facets/artists",
    "artists of a prefix": "/v1/facets/artists?q=ka",
    "artists within a filter": "/v1/facets/artists?year_from=2000&tags=tag%205",
    "albums": "/v1/facets/albums",
    "genres": "/v1/facets/genres",
    "tags": "/v1/facets/tags",
    "folders": "/v1/facets/folders",
    "folders of a prefix": "/v1/facets/folders?q=Ka",
    "years": "/v1/facets/years",
    "stats": "/v1/stats",
    "roots": "/v1/roots",
    "isrcs": "/v1/tracks?isrcs=QZ0000000BAD",
    "musicbrainz_ids": "/v1/tracks?musicbrainz_ids=b6d767d2-f8ed-5d21-a44b-0e5886680cb9",
}


def describe(sessions: Sessions) -> None:
    """Give the tracks what facets count."""
    with engine_of(sessions).begin() as connection:
        connection.execute(text(DESCRIBED))
    with engine_of(sessions).connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("vacuum analyze"))


async def measure(settings: Settings) -> dict[str, float]:
    """Return the median of each request, in milliseconds, after one that is not counted."""
    app, medians = create_app(settings), {}
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as api:
            for name, url in REQUESTS.items():
                (await api.get(url)).raise_for_status()
                times = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    await api.get(url)
                    times.append(1000 * (time.perf_counter() - began))
                medians[name] = round(statistics.median(times), 1)
    return medians


def main(tracks: int) -> None:
    """Make the catalog, measure, and print JSON."""
    with tempfile.TemporaryDirectory(prefix="catalog-facets-") as folder:
        settings = Settings(DATABASE_URL=None, data=Path(folder))
        with connected_database(settings) as url:
            upgrade(url)
            sessions = open_catalog(url)
            fill(sessions, tracks)
            describe(sessions)
            own = settings.model_copy(update={"database_url": url, "log_level": "ERROR"})
            print(json.dumps({"tracks": tracks, "ms": asyncio.run(measure(own))}, indent=2))
            engine_of(sessions).dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
