"""Checks must say what is wrong in the whole library, whoever executes them and whenever."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from pipelines.checks import CHECKS as OTHER_CHECKS
from pipelines.definitions import build_defs
from pipelines.freshness import FRESHNESS_CHECKS
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

CHECKS = [*OTHER_CHECKS, *FRESHNESS_CHECKS]


def executed(
    orchestra: Orchestra, check: str, tags: Mapping[str, str] | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    """The run of the check alone, as the UI launches it."""
    [definition] = [each for each in CHECKS if each.check_key.name == check]
    name = definition.node_def.name
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(definition))
    alone = dg.Definitions.merge(build_defs(orchestra.resources), dg.Definitions(jobs=[job]))
    result = alone.resolve_job_def("alone").execute_in_process(
        instance=orchestra.instance,
        tags=dict(tags or {}),
        run_config={"ops": {name: {"config": config}}} if config else None,
        raise_on_error=False,
    )
    assert not result.asset_materializations_for_node(name)
    return result


def execute(
    orchestra: Orchestra, check: str, tags: Mapping[str, str] | None = None, **config: Any
) -> dg.AssetCheckEvaluation:
    """What the check found, executed alone."""
    [evaluation] = executed(orchestra, check, tags, **config).get_asset_check_evaluations()
    return evaluation


def fill(orchestra: Orchestra, batch: int) -> None:
    song(orchestra.music / f"{batch}.flac", seconds=2.0, seed=batch)
    orchestra.ingest(f"b{batch:06d}")


def spoil(orchestra: Orchestra, batch: str) -> Path:
    path: Path = orchestra.resources["store"].vectors(orchestra.resources["model"].space.key, batch)
    np.save(path, 2 * np.load(path))
    return path


def shown(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: entry.value for name, entry in evaluation.metadata.items()}


@pytest.mark.slow
def test_unreadable_files_are_a_warning_that_later_batches_do_not_hide(
    orchestra: Orchestra,
) -> None:
    song(orchestra.music / "a.flac", seconds=2.0, seed=10)
    for name in ("b.mp3", "c.mp3"):
        (orchestra.music / name).write_text("words")
    (orchestra.music / "d.flac").write_bytes(b"")
    orchestra.ingest("b000001")
    fill(orchestra, 2)
    found = execute(orchestra, "readable_files")
    assert (found.passed, found.severity, found.blocking) == (
        False,
        dg.AssetCheckSeverity.WARN,
        False,
    )
    assert str(found.description).startswith("3 files failed (2 not_audio, 1 empty); 2 of 5 files")
    numbers = shown(found)
    assert (numbers["files"], numbers["done"], numbers["failures"]) == (5, 2, 3)
    assert "b.mp3" in numbers["failed_files"]
    for check in ("decodable_tracks", "embedded_tracks"):
        whole = execute(orchestra, check)
        assert (whole.passed, whole.description) == (True, "2 of 2 tracks are done")
    (orchestra.music / ".soundalikeignore").write_text("*.mp3\n/d.flac\n")
    assert orchestra.run("scan").success
    assert execute(orchestra, "readable_files").passed, "what is left out is no failure"


def test_the_share_of_audio_that_is_whole_is_shown(orchestra: Orchestra) -> None:
    song(orchestra.music / "cut.flac", seconds=12.0, seed=3)
    whole = (orchestra.music / "cut.flac").read_bytes()
    (orchestra.music / "cut.flac").write_bytes(whole[: len(whole) * 3 // 4])
    orchestra.ingest("b000001")
    found = execute(orchestra, "decodable_tracks")
    assert found.passed, "more than half of it is there"
    numbers = shown(found)
    assert numbers["partly_broken_tracks"] == 1
    assert numbers["share_decoded"] == pytest.approx(0.75, abs=0.1)


def test_what_waits_is_no_failure_and_nothing_at_all_is_no_success(orchestra: Orchestra) -> None:
    for check in ("readable_files", "decodable_tracks", "embedded_tracks"):
        found = execute(orchestra, check)
        assert not found.passed
        assert "to check" in str(found.description)
    song(orchestra.music / "a.flac", seconds=2.0)
    assert orchestra.run("scan").success
    found = execute(orchestra, "readable_files")
    assert found.passed
    assert found.description == "0 of 1 files are done, 1 wait"


@pytest.mark.slow
def test_a_music_folder_that_is_gone_is_a_warning_at_once(orchestra: Orchestra) -> None:
    fill(orchestra, 1)
    assert execute(orchestra, "reachable_roots").passed
    shutil.rmtree(orchestra.music)
    gone = execute(orchestra, "reachable_roots")
    assert not gone.passed
    assert "it is not there now, with 1 known files; is the disk mounted?" in str(gone.description)
    orchestra.music.mkdir()
    assert "it is empty now, with 1 known files" in str(
        execute(orchestra, "reachable_roots").description
    )


@pytest.mark.slow
def test_what_the_last_scan_found_wrong_is_remembered_until_a_scan_finds_it_well(
    orchestra: Orchestra,
) -> None:
    for seed in range(3):
        song(orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)
    orchestra.ingest("b000001")
    held = [orchestra.music / f"{seed}.flac" for seed in (1, 2)]
    kept = [path.read_bytes() for path in held]
    for path in held:
        path.unlink()
    assert orchestra.run("scan").success
    half_missing = execute(orchestra, "reachable_roots")
    assert not half_missing.passed
    assert "2 of 3 known files are missing" in str(half_missing.description)
    for path, content in zip(held, kept, strict=True):
        path.write_bytes(content)
    assert orchestra.run("scan").success
    assert execute(orchestra, "reachable_roots").passed


def test_a_configured_folder_that_does_not_exist_is_a_warning(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(orchestra, 1)
    monkeypatch.setenv("SOUNDALIKE_MUSIC", f"{orchestra.music}:{tmp_path / 'other'}")
    load_settings.cache_clear()
    found = execute(orchestra, "reachable_roots")
    assert not found.passed
    assert "other: it is configured and cannot be used" in str(found.description)


@pytest.mark.slow
def test_vectors_can_be_checked_alone_for_one_batch_for_some_and_for_all(
    orchestra: Orchestra,
) -> None:
    for batch in (1, 2, 3):
        fill(orchestra, batch)
    spoil(orchestra, "b000002")
    one = execute(orchestra, "valid_vectors", {PARTITION_NAME_TAG: "b000001"})
    assert (one.passed, one.description) == (True, "b000001: valid")
    spoilt = execute(orchestra, "valid_vectors", {PARTITION_NAME_TAG: "b000002"})
    assert not spoilt.passed
    assert "norms are within" in str(spoilt.description)
    ends = {
        ASSET_PARTITION_RANGE_START_TAG: "b000002",
        ASSET_PARTITION_RANGE_END_TAG: "b000003",
    }
    some = execute(orchestra, "valid_vectors", ends)
    assert some.description == "1 of 2 batches are not valid: b000002"
    everything = execute(orchestra, "valid_vectors")
    assert everything.description == "1 of 3 batches are not valid: b000002"
    named = execute(orchestra, "valid_vectors", batches=["b000001", "b000003"])
    assert (named.passed, named.description) == (True, "2 batches are valid")


def test_nothing_embedded_is_no_valid_vector(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seconds=2.0)
    assert orchestra.run("scan").success
    found = execute(orchestra, "valid_vectors", {PARTITION_NAME_TAG: "b000001"})
    assert not found.passed
    assert "is not embedded in" in str(found.description)
    nothing = executed(orchestra, "valid_vectors")
    [failure] = [event for event in nothing.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    reason = str(failure.step_failure_data.user_failure_data.description)
    assert reason.startswith("no batch is embedded in")
    assert reason.endswith("materialise embeddings")


def test_every_check_can_be_executed_by_its_button() -> None:
    """The UI disables the button of a check that has partitions of its own."""
    specs = [spec for check in CHECKS for spec in check.check_specs]
    assert len(specs) == len(CHECKS)
    assert [spec.name for spec in specs if spec.partitions_def] == []
    assert [spec.name for spec in specs if not spec.description] == []
