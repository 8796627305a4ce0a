"""Order of a batch's stages: a stage refuses a batch that the one before it has not had.

Without that, embedding a batch that was never read would succeed with nothing in it. What failed
before is a recorded failure and no reason to refuse.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from soundalike.catalog import batches
from soundalike.catalog.batches import BatchFile
from soundalike.catalog.library import batch_key
from soundalike.errors import ArtifactError
from soundalike.ingest.stage import Selection
from soundalike.storage.layout import ArtifactStore


def require_read(session: Session, batch_id: int, selection: Selection) -> None:
    """Require that each selected file of the batch was read, or failed to be.

    Raises ArtifactError.
    """
    unread = len(selection.of(batches.untried_files_of(session, batch_id)))
    if unread:
        raise ArtifactError(
            f"batch {batch_key(batch_id)}: {_are(unread, 'file')} not read yet; "
            "materialise raw_audio of it first"
        )


def with_audio(
    session: Session, store: ArtifactStore, batch_id: int, files: Sequence[BatchFile]
) -> list[BatchFile]:
    """Return the files whose tracks have canonical audio.

    Raises ArtifactError if a track has none although none of its files failed.
    """
    lacking = [file for file in files if not store.audio(str(file.track_id)).exists()]
    without = {str(file.track_id) for file in lacking}
    untried = without - batches.failed_tracks(session, list(without))
    if untried:
        raise ArtifactError(
            f"batch {batch_key(batch_id)}: {_are(len(untried), 'track')} without canonical audio; "
            "materialise resampled_audio of it first"
        )
    return [file for file in files if str(file.track_id) not in without]


def _are(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
