"""A run that lost its batch's lock to another one records nothing, and leaves its files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.batch_locks import batch_lock, idle_batch
from soundalike.catalog.engine import Sessions
from soundalike.errors import LockLost
from soundalike.storage.atomic import sha256_of
from tests.fakes import FakeModel
from tests.ingest.test_one_run_a_batch import embed, identify, resample
from tests.library import Library
from tests.locks import end_lock_holders
from tests.sounds import song

BATCH = "b000001"


@pytest.fixture
def scanned(library: Library) -> Library:
    for seed in range(2):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.scan()
    return library


def rows(sessions: Sessions) -> list[object]:
    """What the stages record."""
    tables = "batches", "tracks", "files", "failures", "vectors", "embedded_batches"
    with sessions() as session:
        return [session.execute(text(f"select * from {t} order by 1, 2")).all() for t in tables]


def files(library: Library) -> dict[Path, tuple[str, int]]:
    found = [path for path in library.store.root.rglob("*") if path.is_file()]
    return {path: (sha256_of(path), path.stat().st_ino) for path in found}


@pytest.mark.parametrize(
    ("stage", "owner", "method"),
    [
        (identify, Decoders, "read"),
        (resample, Decoders, "write_canonical"),
        (embed, FakeModel, "load"),
    ],
)
def test_a_stage_that_was_overtaken_changes_nothing(
    scanned: Library,
    stage: Callable[[Library], object],
    owner: type,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for before in (identify, resample, embed):
        if before is stage:
            break
        before(scanned)
    work, states = getattr(owner, method), list[object]()

    def overtaken(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(owner, method, work)
        end_lock_holders(scanned.sessions, 1)
        stage(scanned)
        states.extend([rows(scanned.sessions), files(scanned)])
        return work(*arguments, **options)

    monkeypatch.setattr(owner, method, overtaken)
    with pytest.raises(LockLost, match=f"another run took over batch {BATCH}"):
        stage(scanned)
    assert rows(scanned.sessions) == states[0]
    if stage is not resample:  # it writes audio that is named by its content, before it records
        assert files(scanned) == states[1]
    scanned.process(BATCH)
    assert scanned.publish().tracks == 2


def test_healing_overtakes_a_run_that_lost_its_lock(scanned: Library) -> None:
    with batch_lock(scanned.sessions, 1) as lost:
        end_lock_holders(scanned.sessions, 1)
        with idle_batch(scanned.sessions, 1) as idle:
            assert idle
        with scanned.sessions.begin() as session, pytest.raises(LockLost):
            lost.fence(session)


def test_a_lock_that_nobody_took_meanwhile_is_as_good_as_held(scanned: Library) -> None:
    """PostgreSQL was restarted: the work done stands."""
    with batch_lock(scanned.sessions, 1) as held:
        end_lock_holders(scanned.sessions, 1)
        with scanned.sessions.begin() as session:
            held.fence(session)


def test_nobody_overtakes_while_a_holder_records(scanned: Library) -> None:
    with batch_lock(scanned.sessions, 1) as held:
        end_lock_holders(scanned.sessions, 1)
        with scanned.sessions.begin() as session:
            held.fence(session)
            with scanned.sessions() as other:
                other.execute(text("set lock_timeout = 100"))
                with pytest.raises(Exception, match="lock timeout"):
                    other.execute(text("update batches set lock_holder = lock_holder + 1"))
