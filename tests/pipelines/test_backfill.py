"""Many batches, another model, builds and landings that cross: the served index is always whole."""

import sys
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from soundalike.catalog.publications import published
from soundalike.catalog.tables import EmbeddedBatchRow
from soundalike.ingest.publish import publish
from tests.fakes import FakeModel
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def fill(orchestra: Orchestra, *seeds: int) -> None:
    for seed in seeds:
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)


def served(orchestra: Orchestra) -> tuple[str, int]:
    """Space and number of tracks of what is served."""
    with orchestra.resources["sessions"]() as session:
        found = published(session)
    assert found is not None
    return found.index.space, found.index.tracks


def follow(orchestra: Orchestra) -> int:
    """What the index sensor asks for is run, until it asks for nothing; returns how many runs."""
    runs = 0
    while orchestra.index_tick().run_requests:
        assert orchestra.run("publish_index").success
        runs += 1
    return runs


def batches_requested(orchestra: Orchestra) -> list[str]:
    return [str(request.partition_key) for request in orchestra.batch_tick().run_requests or []]


@pytest.mark.slow
def test_batches_that_landed_meanwhile_are_built_once(orchestra: Orchestra) -> None:
    for number in (1, 2, 3):
        fill(orchestra, number)
        orchestra.ingest(f"b{number:06d}")
    assert follow(orchestra) == 1
    assert served(orchestra)[1] == 3


@pytest.mark.slow
def test_a_batch_that_lands_during_a_build_is_in_the_next_one(orchestra: Orchestra) -> None:
    fill(orchestra, 1)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index", asset_selection=[dg.AssetKey("faiss_index")]).success
    fill(orchestra, 2)
    orchestra.ingest("b000002")
    only = [dg.AssetKey("published_index")]
    assert orchestra.run("publish_index", asset_selection=only).success
    assert served(orchestra)[1] == 1
    assert follow(orchestra) == 1
    assert served(orchestra)[1] == 2


@pytest.mark.slow
def test_after_a_change_of_model_the_old_index_serves_until_all_batches_are_through(
    orchestra: Orchestra,
) -> None:
    keys = ["b000001", "b000002", "b000003"]
    for number, key in enumerate(keys):
        fill(orchestra, number)
        orchestra.ingest(key)
    follow(orchestra)
    old = served(orchestra)
    new_space = replace(orchestra.resources["model"].space, parameters={"version": 2})
    orchestra.resources["model"] = FakeModel(new_space)
    assert batches_requested(orchestra) == keys, "the backfill asks for itself"
    for key in keys:
        assert follow(orchestra) == 0
        assert served(orchestra) == old
        assert orchestra.run("ingest_batch", partition_key=key).success
    assert batches_requested(orchestra) == []
    assert follow(orchestra) == 1
    assert served(orchestra) == (new_space.key, 3)


@pytest.mark.slow
def test_a_backfill_of_everything_again_changes_nothing(orchestra: Orchestra) -> None:
    fill(orchestra, 1, 2)
    orchestra.ingest("b000001")
    follow(orchestra)
    before = orchestra.resources["model"].embedder.embedded
    run = orchestra.run("ingest_batch", partition_key="b000001")
    assert run.success
    assert orchestra.resources["model"].embedder.embedded == before
    with orchestra.resources["sessions"]() as session:
        assert session.scalar(select(EmbeddedBatchRow.dagster_run_id)) == run.run_id
    assert follow(orchestra) == 0


@pytest.mark.slow
def test_a_rollback_during_an_automatic_build_stays(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(orchestra, 1)
    orchestra.ingest("b000001")
    follow(orchestra)
    sessions, store = orchestra.resources["sessions"], orchestra.resources["store"]
    with sessions() as session:
        old = str(published(session).index.version)  # type: ignore[union-attr]
    fill(orchestra, 2)
    orchestra.ingest("b000002")
    [request] = orchestra.index_tick().run_requests or []
    asset = sys.modules["pipelines.assets.faiss_index"]
    build = asset.build_index

    def building(*arguments: Any) -> Any:
        report = build(*arguments)
        publish(sessions, store, orchestra.resources["model"].space, old)
        return report

    monkeypatch.setattr(asset, "build_index", building)
    assert orchestra.run("publish_index", run_config=request.run_config).success
    assert served(orchestra)[1] == 1
    assert "published by hand" in str(orchestra.index_tick().skip_reason)
