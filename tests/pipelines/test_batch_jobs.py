"""In a cluster, cores decode ahead of the model, and no batch may be stuck between."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import DefaultRunLauncher
from sqlalchemy import text

from pipelines.batch_jobs import DECODE, EMBED, WHOLE, by_job
from pipelines.jobs import JOBS
from pipelines.launchers import OwnLauncher
from soundalike.catalog.batches import undecoded_batches
from soundalike.settings import Settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


class Cluster(DefaultRunLauncher, OwnLauncher):
    """A launcher as that of a cluster: jobs have resources of their own."""

    separates_stages = True

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "Cluster":
        return cls(inst_data=inst_data, **config_value)

    def has_lost(self, run: dg.DagsterRun) -> bool:
        return False


@pytest.fixture
def cluster(orchestra: Orchestra, tmp_path: Path) -> Iterator[Orchestra]:
    """The orchestra in a cluster, with two batches that a scan has sealed."""
    launcher = {"module": __name__, "class": "Cluster"}
    limits = {"runs": {"max_concurrent_runs": 7}}
    with dg.instance_for_test({"run_launcher": launcher, "concurrency": limits}) as instance:
        orchestra.instance = instance
        for number in range(2):
            song(orchestra.music / f"{number}.flac", seed=number)
            assert orchestra.run("scan").success
        instance.add_dynamic_partitions("batch", ["b000001", "b000002"])
        yield orchestra


def requested(orchestra: Orchestra) -> list[tuple[str | None, str | None]]:
    requests = orchestra.batch_tick().run_requests or []
    return sorted((each.job_name, each.partition_key) for each in requests)


def test_batches_are_decoded_and_then_embedded_by_jobs_of_their_own(cluster: Orchestra) -> None:
    assert requested(cluster) == [("decode_batch", "b000001"), ("decode_batch", "b000002")]
    assert cluster.run("decode_batch", partition_key="b000001").success
    assert requested(cluster)[-1] == ("embed_batch", "b000001")
    assert cluster.run("embed_batch", partition_key="b000001").success
    assert cluster.run("decode_batch", partition_key="b000002").success
    assert requested(cluster) == [("embed_batch", "b000002")]
    assert cluster.run("embed_batch", partition_key="b000002").success
    assert requested(cluster) == []
    [index] = cluster.index_tick().run_requests or []
    assert cluster.run("publish_index", run_config=index.run_config).success


@pytest.mark.slow
def test_a_lost_recording_is_decoded_again(cluster: Orchestra) -> None:
    for job in ("decode_batch", "embed_batch"):
        assert cluster.run(job, partition_key="b000001").success
    with cluster.resources["sessions"].begin() as session:
        session.execute(text("update tracks set decoded_share = null"))
    assert requested(cluster)[0] == ("decode_batch", "b000001")


def test_a_batch_whose_audio_is_not_kept_is_one_jobs(cluster: Orchestra) -> None:
    wanted = {"b000001": "1", "b000002": "2"}
    sessions = cluster.resources["sessions"]
    thrifty, usual = Settings(keep_audio="none"), Settings()
    assert by_job(cluster.instance, sessions, thrifty, wanted) == {WHOLE: wanted}
    apart = by_job(cluster.instance, sessions, usual, wanted)
    assert apart == {DECODE: wanted, EMBED: {}, WHOLE: {}}


def test_only_batches_that_are_wanted_are_looked_through(cluster: Orchestra) -> None:
    with cluster.resources["sessions"]() as session:
        assert undecoded_batches(session, ["b000002"]) == {"b000002"}
        assert undecoded_batches(session, []) == set()


def test_one_machine_goes_on_with_one_job(orchestra: Orchestra) -> None:
    wanted = {"b000001": "1"}
    assert by_job(orchestra.instance, orchestra.resources["sessions"], Settings(), wanted) == {
        WHOLE: wanted
    }


@pytest.mark.slow
def test_an_index_waits_while_batches_are_only_decoded(cluster: Orchestra) -> None:
    for job in ("decode_batch", "embed_batch"):
        assert cluster.run(job, partition_key="b000001").success
    assert cluster.run("publish_index").success
    assert cluster.run("decode_batch", partition_key="b000002").success
    assert cluster.run("ingest_batch", partition_key="b000002").success
    decoding = dg.GraphDefinition(name="decode_batch").to_job()
    cluster.instance.create_run_for_job(decoding, status=dg.DagsterRunStatus.STARTED)
    skipped = cluster.index_tick().skip_reason
    assert skipped
    assert "batches are under way" in str(skipped.skip_message)


def test_each_job_has_the_share_that_the_settings_say() -> None:
    shares = {
        job.name: json.loads(job.tags["dagster-ray/config"])
        for job in JOBS
        if job.tags and "dagster-ray/config" in job.tags
    }
    settings = Settings()
    assert shares == {
        "decode_batch": {"num_cpus": settings.decode_cpus, "num_gpus": 0.0},
        "embed_batch": {"num_cpus": settings.embed_cpus, "num_gpus": settings.embed_gpus},
    }
