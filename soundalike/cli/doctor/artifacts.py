"""Checks of what is stored: artifacts, their bucket, and Milvus."""

from collections.abc import Iterator

from soundalike.catalog.publications import published
from soundalike.cli.doctor.findings import Examined, Finding
from soundalike.errors import BucketError
from soundalike.ingest.artifacts import Kind, all_artifacts, damages_of
from soundalike.ingest.healing import counted_damage
from soundalike.storage.layout import ArtifactStore
from soundalike.terminal import counted
from soundalike.vectors.milvus.collection import name_of, names
from soundalike.vectors.milvus.server import Milvus

PROBE = "doctor"


def artifacts(examined: Examined) -> Iterator[Finding]:
    """Find what is lost or damaged: the served index is read, of canonical audio the sizes."""
    if examined.sessions is None:
        return
    store = ArtifactStore.of(examined.settings)
    with examined.sessions() as session:
        kept = [a for a in all_artifacts(session, store) if a.kind is not Kind.OLDER_INDEX]
    found = list(filter(None, damages_of(kept, audio=False)))
    if not found:
        state = f"{len(kept)} are there; `soundalike verify` reads all of their audio too"
        yield Finding("artifacts", state)
        return
    first = f"{found[0].artifact.path}: {found[0].problem}"
    state = f"{len(found)} of {len(kept)} are lost or damaged ({counted_damage(found)})"
    yield Finding("artifacts", f"{state}; {first}", "soundalike ingest makes them again")


def bucket(examined: Examined) -> Iterator[Finding]:
    """Put a small object into the bucket and remove it again, as builders have to."""
    objects = ArtifactStore.of(examined.settings).bucket
    if objects is None:
        return
    objects.listed("indexes/")
    try:
        objects.put_bytes(PROBE, b"")
        objects.remove([PROBE])
    except BucketError as error:
        state = f"{objects.url} can be read, which a machine that only serves needs; {error}"
        summary, _, advice = state.partition("\n")
        yield Finding("bucket", summary, advice)
        return
    yield Finding("bucket", f"{objects.url} can be read and written")


def milvus(examined: Examined) -> Iterator[Finding]:
    """Ask Milvus, if it is searched, for its collections: the published version needs one."""
    with Milvus.opened(examined.settings) as server:
        if server is None:
            return
        there = names(server)
    advice = ""
    if examined.sessions:
        with examined.sessions() as session:
            served = published(session)
        if served and name_of(served.index.version) not in there:
            advice = f"it lacks index {served.index.version}: materialise published_index"
    yield Finding("Milvus", f"{server.shown} answers, {counted(len(there), 'collection')}", advice)
