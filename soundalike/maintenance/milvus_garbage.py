"""Garbage collection in Milvus: collections of index versions that the catalog has collected.

Collections of versions that it does not know are another library's, and are left alone.
"""

from collections.abc import Collection as Versions

import structlog

from soundalike.catalog import retention
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import milvus_lock
from soundalike.errors import MilvusError, in_one_line
from soundalike.vectors.milvus.collection import MilvusCollection, name_of, names
from soundalike.vectors.milvus.server import Milvus

log = structlog.get_logger()


def unneeded_collections(
    sessions: Sessions, milvus: Milvus | None, retired: Versions[str] = ()
) -> list[str]:
    """Return the names of collections to remove once these versions are retired. Removes nothing.

    None if there is no Milvus, or if it does not answer, which is logged.
    """
    if milvus is None:
        return []
    with sessions() as session:
        kept = retention.kept_versions(session).keys() - set(retired)
        gone = {name_of(version) for version in retention.built_versions(session) - kept}
    try:
        return sorted(gone.intersection(names(milvus)))
    except MilvusError as error:
        log.warning("milvus.not_collected", reason=in_one_line(error))
        return []


def remove_collections(sessions: Sessions, milvus: Milvus | None) -> list[str]:
    """Remove what `unneeded_collections` lists; return it."""
    if milvus is None:
        return []
    removed = []
    with milvus_lock(sessions):
        for name in unneeded_collections(sessions, milvus):
            try:
                MilvusCollection(milvus, name).drop()
            except MilvusError as error:
                log.warning("milvus.not_collected", reason=in_one_line(error))
                break
            removed.append(name)
    return removed
