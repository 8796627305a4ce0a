"""What a run tells must come out at whoever waits as it went in, and once."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.told import StageError, StageProgress, Teller, ToldProgress, ToldReports, told_of
from soundalike.errors import StorageError
from soundalike.ingest.compare import Change
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.resource_usage import Usage
from soundalike.sources.entry import LeftOut
from soundalike.vectors.index_files import IndexManifest
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


@pytest.fixture
def run(orchestra: Orchestra) -> dg.DagsterRun:
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    return orchestra.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)


def test_reports_and_errors_arrive_as_they_were_told_and_only_once(
    orchestra: Orchestra, run: dg.DagsterRun
) -> None:
    scanned = ScanReport(state="s", gone=2, batches={"b000001": 3}, problems=["a bin"])
    scanned.changes[Change.NEW] += 3
    scanned.balance.left_out[LeftOut.HIDDEN] += 1
    usage = Usage(1.5, 80.0, 1000, None)
    stage = StageReport(
        *("embeddings", "b000001", "file:///x", "v1", 3, 1, (), 9.5), usage=usage, notes={}
    )
    reports = ToldReports(Teller(orchestra.instance, run))
    reports.add(scanned)
    reports.add(stage)
    reports.fail(StorageError("the disk is full"))
    told, cursor = told_of(orchestra.instance, run.run_id, None)
    assert told == [scanned, stage, StageError("StorageError", "the disk is full")]
    assert told_of(orchestra.instance, run.run_id, cursor)[0] == []


def test_a_published_index_arrives(orchestra: Orchestra, run: dg.DagsterRun) -> None:
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    manifest = orchestra.reports.last(IndexManifest)
    ToldReports(Teller(orchestra.instance, run)).add(manifest)
    [told] = told_of(orchestra.instance, run.run_id, None)[0]
    assert isinstance(told, IndexManifest)
    assert (told.version, told.tracks) == (manifest.version, 1)


def test_progress_is_told_at_both_ends_and_not_at_each_file(
    orchestra: Orchestra, run: dg.DagsterRun, tmp_path: Path
) -> None:
    times = iter(range(1000))
    progress = ToldProgress(Teller(orchestra.instance, run), clock=lambda: next(times) / 2)
    assert list(progress.track(range(20), "raw_audio", 20)) == list(range(20))
    told = told_of(orchestra.instance, run.run_id, None)[0]
    assert told[0] == StageProgress("raw_audio", 0, 20)
    assert told[-1] == StageProgress("raw_audio", 20, 20)
    assert 3 < len(told) < 15
