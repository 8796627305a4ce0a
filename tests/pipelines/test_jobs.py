"""The jobs as Dagster runs them: lineage, metadata, checks that block, reruns."""

import errno

import dagster as dg
import numpy as np
import pytest
from sqlalchemy import delete, update

from pipelines.jobs import automatic_publish_config
from pipelines.run_errors import reason_of_run
from soundalike.catalog.publications import published
from soundalike.catalog.tables import IndexVersionRow, RootRow
from soundalike.embedders.base import Embedding
from soundalike.ingest import embed
from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.compare import Change
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.vectors.index_files import IndexManifest
from tests.damage import halve_vectors
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def fill(orchestra: Orchestra, count: int = 3) -> None:
    for seed in range(count):
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)


def test_everything_from_files_to_the_published_index_is_materialised(
    orchestra: Orchestra,
) -> None:
    fill(orchestra)
    (orchestra.music / "words.mp3").write_text("words")
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(ScanReport).changes[Change.NEW] == 4
    assert orchestra.reports.last(StageReport).done == 3
    built = orchestra.reports.last(BuildReport).manifest
    assert orchestra.reports.last(IndexManifest).version == built.version
    with orchestra.resources["sessions"]() as session:
        served = published(session)
    assert served is not None
    assert served.index.dagster_run_id is not None
    assert served.index.version == built.version


@pytest.mark.slow
def test_the_quality_of_an_index_is_recorded_with_it_and_blocks_nothing(
    orchestra: Orchestra,
) -> None:
    fill(orchestra, 13)
    orchestra.ingest("b000001")
    result = orchestra.run("publish_index")
    assert result.success
    [quality] = [
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == "neighbour_quality"
    ]
    numbers = {name: entry.value for name, entry in quality.metadata.items()}
    assert "cosine of two tracks" in str(numbers.pop("similarity")), "a picture"
    assert numbers["sampled_tracks"] == 13
    assert {"hubness_skewness", "orphans_share", "largest_hub_share"} <= set(numbers)
    assert all(isinstance(value, int | float) for value in numbers.values()), (
        "plotted over versions"
    )
    assert (quality.blocking, quality.severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.slow
def test_one_asset_can_be_materialised_again_by_itself(orchestra: Orchestra) -> None:
    fill(orchestra)
    orchestra.ingest("b000001")
    for asset in ("raw_audio", "resampled_audio", "embeddings"):
        key = dg.AssetKey(asset)
        again = orchestra.run("ingest_batch", partition_key="b000001", asset_selection=[key])
        assert again.success
    assert orchestra.resources["model"].embedder.embedded == 3


@pytest.mark.slow
def test_vectors_spoilt_on_disk_are_not_built_on_and_a_rerun_heals_them(
    orchestra: Orchestra,
) -> None:
    fill(orchestra)
    orchestra.ingest("b000001")
    space = orchestra.resources["model"].space
    path = orchestra.resources["store"].vectors(space.key, "b000001")
    matrix = np.load(path)
    matrix[1] *= 2
    np.save(path, matrix)
    assert not orchestra.run("publish_index").success
    only = [dg.AssetKey("embeddings")]
    assert orchestra.run("ingest_batch", partition_key="b000001", asset_selection=only).success
    assert orchestra.run("publish_index").success


def test_invalid_vectors_fail_the_blocking_check(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(orchestra)
    monkeypatch.setattr(embed, "_require_valid", lambda *_: None)  # the check must find it too
    embedder = orchestra.resources["model"].embedder
    pool = embedder.pool
    embedder.pool = lambda features: Embedding(2 * pool(features).vector)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])
    result = orchestra.run("ingest_batch", partition_key="b000001")
    assert not result.success
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [check.check_name for check in failed] == ["valid_vectors"]
    assert "unit_norm" in str(failed[0].description)
    assert "unit_norm" in reason_of_run(orchestra.run("publish_index").all_events)
    with orchestra.resources["sessions"]() as session:
        assert published(session) is None, "nothing is published on it"


def test_a_candidate_that_fails_its_check_is_not_published(orchestra: Orchestra) -> None:
    fill(orchestra)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index", asset_selection=[dg.AssetKey("faiss_index")]).success
    version = orchestra.reports.last(BuildReport).manifest.version
    signed = halve_vectors(orchestra.resources["store"].index(version))
    with orchestra.resources["sessions"].begin() as session:
        session.execute(update(IndexVersionRow).values(manifest_sha256=signed))
    result = orchestra.run("publish_index")
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [check.check_name for check in failed] == ["valid_index"]
    assert not result.success
    with orchestra.resources["sessions"]() as session:
        assert published(session) is None


def test_a_candidate_that_cannot_be_checked_is_not_published(orchestra: Orchestra) -> None:
    fill(orchestra)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index", asset_selection=[dg.AssetKey("faiss_index")]).success
    version = orchestra.reports.last(BuildReport).manifest.version
    space = orchestra.resources["model"].space.key
    sidecar = orchestra.resources["store"].sidecar(space, "b000001")
    sidecar.unlink()  # what the check holds the index against
    result = orchestra.run("publish_index")
    assert f"{sidecar} is missing" in reason_of_run(result.all_events)
    with orchestra.resources["sessions"]() as session:
        assert published(session) is None
    assert (orchestra.resources["store"].index(version)).is_dir()


def test_a_version_named_by_hand_is_published_and_stays(orchestra: Orchestra) -> None:
    fill(orchestra)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    old = orchestra.reports.last(IndexManifest).version
    config = {"ops": {"published_index": {"config": {"version": old}}}}
    only = [dg.AssetKey("published_index")]
    assert orchestra.run("publish_index", asset_selection=only, run_config=config).success
    fill(orchestra, 4)
    orchestra.ingest("b000002")
    assert orchestra.run("publish_index", run_config=automatic_publish_config(None)).success
    assert orchestra.reports.last(BuildReport).manifest.version != old
    with orchestra.resources["sessions"]() as session:
        served = published(session)
    assert served is not None
    assert served.publication.by_hand
    assert served.index.version == old


def test_no_music_folder_fails_loudly_and_says_what_to_do(orchestra: Orchestra) -> None:
    with orchestra.resources["sessions"].begin() as session:
        session.execute(delete(RootRow))
    result = orchestra.run("scan")
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error is not None
    assert "soundalike ingest FOLDER" in str(error.cause or error)


def test_a_disk_that_refuses_fails_the_run_at_once_and_is_named(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(orchestra, 1)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(embed, "save_batch", refuse)
    result = orchestra.run("ingest_batch", partition_key="b000001")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.error.cause.cls_name == "StorageError"
    assert "no space left on device" in failure.step_failure_data.error.cause.message
