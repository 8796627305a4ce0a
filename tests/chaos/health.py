"""What is still missing until the library is healed: all music served, and nothing pending."""

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from soundalike.errors import ArtifactError
from soundalike.ingest.artifacts import artifacts_of_batches, damages_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import read_manifest, verify_files
from tests.chaos.scene import Scene
from tests.sounds import CODECS

FILES = """
    select convert_from(path, 'UTF8'), size, mtime_ns, unread, track_id,
        (select min(coalesce(to_char(retry_at, 'HH24:MI:SS'), 'never'))
         from failures where file_id = files.id)
    from files where gone_at is null
"""
UNFINISHED = """
    select pipeline_name || ' ' || status from dagster.runs
    where status not in ('SUCCESS', 'FAILURE', 'CANCELED')
"""
PAGE = 100
State = dict[str, tuple[int, int]]


def missing(scene: Scene) -> str:
    """The first thing that is not as it should be; empty if the library is healed."""
    ready = scene.get("/health/ready")
    if not ready or ready["problem"]:
        return f"the API is not ready: {ready}"
    rows = scene.catalog.ask(FILES)
    if rows is None:
        return "PostgreSQL does not answer"
    if difference := _difference(on_disk(scene.library.folder), rows):
        return difference
    pipeline = scene.get("/v1/pipeline")
    if not pipeline or pipeline["state"] != "idle":
        return f"the pipeline: {pipeline}"
    if unfinished := scene.catalog.ask(UNFINISHED):
        return f"runs have not ended: {unfinished}"
    return _damage(scene) or _not_served(scene, {row[4] for row in rows if row[5] is None})


def on_disk(folder: Path) -> State:
    """Size and time of each file of the music folder."""
    states = {path: path.stat() for path in folder.rglob("*") if path.suffix in CODECS}
    return {
        str(path.relative_to(folder)): (state.st_size, state.st_mtime_ns)
        for path, state in states.items()
    }


def _difference(here: State, rows: list[tuple[object, ...]]) -> str:
    known = {row[0]: (row[1], row[2]) for row in rows}
    for path in sorted(here.keys() | known.keys(), key=str):
        if known.get(path) != here.get(path):
            return f"{path} is {here.get(path)}, in the catalog {known.get(path)}"
    for path, _, _, unread, track, retry in rows:
        if retry not in (None, "never"):
            return f"{path} failed and is tried again at {retry}"
        if retry is None and (unread or not track):
            return f"{path} was not read"
    return ""


def _not_served(scene: Scene, tracks: set[object]) -> str:
    index = scene.get("/v1/index")
    if not index:
        return "no index is served"
    folder = scene.data / "indexes" / index["version"]
    try:
        verify_files(folder, read_manifest(folder))
        served = set(OpenIndex.open(folder).track_ids)
    except (ArtifactError, OSError) as error:
        return f"the served index is not whole: {error}"
    if served != tracks:
        return f"the index lacks {len(tracks - served)} tracks, {len(served - tracks)} are gone"
    listed: set[object] = set()
    cursor: dict[str, str] = {}
    while page := scene.get("/v1/tracks", limit=PAGE, **cursor):
        listed |= {track["id"] for track in page["items"]}
        if not page["next_cursor"]:
            return "" if tracks <= listed else f"{len(tracks - listed)} tracks are not listed"
        cursor = {"cursor": page["next_cursor"]}
    return "tracks are not listed"


def _damage(scene: Scene) -> str:
    """The first artifact that is damaged or lost, as a scan finds them."""
    try:
        with scene.sessions() as session:
            artifacts = list(artifacts_of_batches(session, ArtifactStore(scene.data)))
    except SQLAlchemyError as error:
        return f"the catalog does not answer: {error}"
    damages = (damage for damage in damages_of(artifacts, audio=False) if damage)
    return next((f"{damage.artifact.path} {damage.problem}" for damage in damages), "")
