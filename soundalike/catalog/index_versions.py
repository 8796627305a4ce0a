"""Index versions: those that were built, and their manifests' hashes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from soundalike.catalog.tables import BUILDS, IndexVersionRow
from soundalike.errors import ArtifactError

NAMED_VERSIONS = 10  # in the message about one that does not exist


def record_version(session: Session, built: Mapping[str, Any]) -> None:
    """Record a built index.

    A version that was built before becomes the latest one again, no longer collected, and is
    otherwise unchanged; its manifest may have been written anew.
    """
    session.execute(
        insert(IndexVersionRow)
        .values(**built)
        .on_conflict_do_update(
            index_elements=[IndexVersionRow.version],
            set_={
                "built_at": func.now(),
                "build": BUILDS.next_value(),
                "collected_at": None,
                "manifest_sha256": built.get("manifest_sha256"),
            },
        )
    )


def latest_built(session: Session, space: str) -> str | None:
    """Return the version of `space` that was built last, or None."""
    newest = IndexVersionRow.build.desc()
    return session.scalars(
        select(IndexVersionRow.version)
        .where(IndexVersionRow.space == space)
        .order_by(newest)
        .limit(1)
    ).one_or_none()


def recorded_manifest(session: Session, version: str) -> str | None:
    """Return the recorded SHA-256 of the version's manifest; None if it was never recorded."""
    built = session.get(IndexVersionRow, version)
    return built.manifest_sha256 if built else None


def require_built(session: Session, version: str) -> None:
    """Require that the version was built and not removed.

    Raises ArtifactError, which names the newest versions that can be published.
    """
    built = session.get(IndexVersionRow, version)
    if built is not None and built.collected_at is None:
        return
    newest = session.scalars(
        select(IndexVersionRow)
        .where(IndexVersionRow.collected_at.is_(None))
        .order_by(IndexVersionRow.build.desc())
        .limit(NAMED_VERSIONS)
    )
    known = [
        f"{row.version} ({row.tracks} tracks, {row.built_at:%Y-%m-%d %H:%M})" for row in newest
    ]
    problem = (
        f"index {version} was removed by `soundalike gc`, or is lost"
        if built
        else f"no index version {version!r} was ever built"
    )
    choice = f"the newest are {', '.join(known)}" if known else "materialise faiss_index"
    raise ArtifactError(f"{problem}; {choice}")
