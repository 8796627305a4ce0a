"""`soundalike similar`: searches the published index from the terminal."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.orm import Session

from soundalike.catalog import tracks
from soundalike.catalog.publications import published
from soundalike.catalog.tracks import TrackView
from soundalike.cli.find_track import find_track
from soundalike.cli.library import existing_library
from soundalike.errors import ArtifactError
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import similar_table
from soundalike.vectors.limits import DEFAULT_K, MAX_K
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.ranking import Ranking, Result


def similar(
    track: Annotated[str, typer.Argument(help="A track's id, its file, or words of its name.")],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_K, help="Number of results.")
    ] = DEFAULT_K,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as the API returns it.")] = False,
) -> None:
    """Show the tracks that sound most like a track."""
    settings = load_settings()
    with existing_library(settings) as sessions, sessions() as session:
        query = find_track(session, track, settings)
        version, results = nearest(session, ArtifactStore(settings.data), query, limit)
    if not as_json:
        out = Console()
        out.print(similar_table(query, results, out.width))
        return
    response = {
        "track": _as_api(query),
        "index_version": version,
        "items": [
            {
                "rank": result.rank,
                "score": result.score,
                "percentile": result.percentile,
                "track": _as_api(view),
            }
            for result, view in results
        ],
    }
    typer.echo(json.dumps(response, indent=2))


def _as_api(view: TrackView) -> dict[str, Any]:
    """Return a track with the fields that it has in answers of the API."""
    fields = asdict(view)
    del fields["file"]
    location = view.file.absolute if view.file else None
    return fields | {"root": view.root, "path": view.path, "location": location}


def nearest(
    session: Session, store: ArtifactStore, query: TrackView, k: int
) -> tuple[str, list[tuple[Result, TrackView]]]:
    """Search the served version for the k tracks nearest to `query`, as the API does.

    Returns the version and the results. Raises ArtifactError if none is published, or the track is
    not in it.
    """
    from soundalike.vectors.index.open_index import OpenIndex

    served = published(session)
    if served is None:
        raise ArtifactError("no index is published yet; run `soundalike ingest FOLDER`")
    index = OpenIndex.open(store.index(served.index.version))
    if query.id not in index:
        raise ArtifactError(
            f"{query.title} is not in index {index.manifest.version}; it failed or is newer. "
            "Run `soundalike ingest`, which also lists what failed"
        )
    ranking = Ranking(index, TrackQuery((query.id,)), k)
    views: dict[str, TrackView] = {}
    while ranking.next_query is not None:
        [hits] = index.neighbours([ranking.next_query])
        rows = session.execute(tracks.by_ids(ranking.without_metadata(hits)))
        views |= {row.id: tracks.view(row) for row in rows}
        ranking.add(hits, views)
    results = [(result, views[result.track_id]) for result in ranking.results]
    return index.manifest.version, results
