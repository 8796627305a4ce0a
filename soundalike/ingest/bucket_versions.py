"""Index versions of builders that share a catalog and a bucket, and no disk.

Equal inputs give equal versions, but each builder's manifest says when and by which run it was
built. The first one that is recorded is the version's; the others take it.
"""

from sqlalchemy.orm import Session

from soundalike.catalog import index_versions
from soundalike.storage.atomic import remove_folder, sha256_of
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST
from soundalike.vectors.index_copies import fetch_version, is_uploaded, upload_version


def put_version(session: Session, store: ArtifactStore, bucket: Bucket, version: str) -> None:
    """Put a version that was built; or take the one that another builder put and recorded first.

    Call it under `bucket_lock`, and record the version before that is released. Raises BucketError.
    """
    folder = store.index(version)
    recorded = index_versions.recorded_manifest(session, version)
    if recorded in (None, sha256_of(folder / MANIFEST)) or not is_uploaded(
        store, version, recorded
    ):
        upload_version(store, bucket, version)
        return
    remove_folder(folder)
    fetch_version(store, version, recorded)
