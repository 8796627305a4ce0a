"""Two runs of one batch work one after the other, whichever stage it is."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from soundalike.catalog.batch_locks import batch_lock
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.resample import resample_batch
from soundalike.ingest.stage import StageReport
from soundalike.progress import NoProgress
from tests.library import Library
from tests.patience import PATIENCE
from tests.sounds import song

QUIET = NoProgress()
WAITING = text(
    "select count(*) from pg_locks where locktype = 'advisory' and not granted and database = "
    "(select oid from pg_database where datname = current_database())"
)


def identify(library: Library) -> StageReport:
    return identify_batch(library.sessions, library.store, library.decoders, "b000001", QUIET)


def resample(library: Library) -> StageReport:
    return resample_batch(library.sessions, library.store, library.decoders, "b000001", QUIET)


def embed(library: Library) -> StageReport:
    model = library.model
    where = library.sessions, library.store, model.space, model.load
    return embed_batch(*where, "b000001", QUIET)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [identify, resample, embed])
def test_a_stage_waits_for_the_run_that_has_the_batch(
    library: Library, stage: Callable[[Library], StageReport]
) -> None:
    song(library.music / "a.flac", seconds=2.0)
    library.ingest()
    with ThreadPoolExecutor(1) as threads, library.sessions() as session:
        with batch_lock(library.sessions, 1):
            second = threads.submit(stage, library)
            deadline = time.monotonic() + PATIENCE
            while not session.scalar(WAITING):
                session.rollback()
                assert not second.done(), "it worked beside the first"
                assert time.monotonic() < deadline
        assert second.result().done == 1
