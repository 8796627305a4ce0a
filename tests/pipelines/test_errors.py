"""What people read of a run that failed: the reason as a sentence, then where it comes from."""

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from pipelines import retries
from pipelines.run_errors import reason_of_run, run_failure
from soundalike.catalog.publications import published
from soundalike.errors import StorageError
from soundalike.ingest import embed
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

REASON = "batch b000001: 2 files are not read yet; materialise raw_audio of it first"


def failure_of(result: dg.ExecuteInProcessResult) -> dg.DagsterEvent:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return event


def embeddings_alone(orchestra: Orchestra) -> dg.ExecuteInProcessResult:
    for seed in range(2):
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])
    only = [dg.AssetKey("embeddings")]
    return orchestra.run("ingest_batch", partition_key="b000001", asset_selection=only)


def test_a_stage_without_the_one_before_it_fails_with_the_reason_first(
    orchestra: Orchestra,
) -> None:
    result = embeddings_alone(orchestra)
    assert not result.success
    data = failure_of(result).step_failure_data
    assert data.user_failure_data is not None
    assert data.user_failure_data.description == REASON
    assert data.user_failure_data.metadata["error"].value == "ArtifactError"
    assert data.error is not None
    assert data.error.message.strip().endswith(REASON)
    assert data.error.cause is not None
    assert data.error.cause.cls_name == "ArtifactError"
    assert "embed_batch" in "".join(data.error.cause.stack), "the trace is below"
    assert str(run_failure(result, "ingest_batch", None)).endswith(f"failed: {REASON}")


def test_an_unexpected_error_says_that_it_is_one(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("tempo")

    song(orchestra.music / "a.flac", seconds=2.0)
    monkeypatch.setattr(embed, "save_batch", broken)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])
    data = failure_of(orchestra.run("ingest_batch", partition_key="b000001")).step_failure_data
    assert data.user_failure_data is not None
    assert str(data.user_failure_data.description).startswith("unexpected KeyError: 'tempo'")


def test_a_database_that_stays_away_is_told_in_words_after_the_last_try(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("select 1", {}, Exception("server closed the connection"))

    song(orchestra.music / "a.flac", seconds=2.0)
    monkeypatch.setattr(embed, "save_batch", gone)
    monkeypatch.setattr(retries, "RETRY_DELAY_SECONDS", 0.01)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])
    result = orchestra.run("ingest_batch", partition_key="b000001")
    reason = str(run_failure(result, "ingest_batch", None))
    assert "the catalog's PostgreSQL does not answer: server closed the connection" in reason


def test_a_full_disk_is_still_recognised_by_the_foreground(orchestra: Orchestra) -> None:
    result = embeddings_alone(orchestra)
    full = StorageError("the data root /data cannot be written: no space left")
    assert run_failure(result, "ingest_batch", full) is full
    with orchestra.resources["sessions"]() as session:
        assert published(session) is None


def checked(*, blocking: bool) -> str:
    """The reason of a run in which a check did not pass, and a step failed after it."""

    @dg.asset
    def first() -> None: ...

    @dg.asset_check(asset=first, blocking=blocking)
    def loud() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="too quiet")

    @dg.asset(deps=[first])
    def second() -> None:
        raise dg.Failure(description="the disk is full")

    return reason_of_run(dg.materialize([first, loud, second], raise_on_error=False).all_events)


def test_a_check_that_only_warns_is_not_why_a_run_failed() -> None:
    assert checked(blocking=False) == "the disk is full"
    assert checked(blocking=True) == "asset check loud: too quiet"


@pytest.mark.slow
def test_a_blocking_check_is_told_with_what_it_found(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seconds=2.0)
    orchestra.ingest("b000001")
    build = [dg.AssetKey("faiss_index")]
    assert orchestra.run("publish_index", asset_selection=build).success
    space = orchestra.resources["model"].space.key
    orchestra.resources["store"].sidecar(space, "b000001").unlink()
    reason = str(run_failure(orchestra.run("publish_index"), "publish_index", None))
    assert "b000001.parquet is missing; materialise embeddings[b000001]" in reason
