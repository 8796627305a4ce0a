"""Whatever happens to a Ray cluster, the library must become what one machine makes of it."""

import os
import signal
import subprocess
from typing import Any

import psutil
import psycopg
import pytest

from tests.cluster.cluster import URL, Cluster, Library, seconds_until
from tests.patience import until

LIMIT = 600.0


def finished(ingest: subprocess.Popen[str]) -> str:
    output, _ = ingest.communicate(timeout=LIMIT)
    assert ingest.returncode == 0, output
    return output


def test_two_raylets_make_the_index_of_one_process(
    cluster: Cluster, expected: str, library: Library, facts: dict[str, Any]
) -> None:
    facts["ray_nodes"] = len(cluster.nodes())
    output = finished(library.ingest())
    facts["same_version"] = library.version() == expected
    assert library.version() == expected, output
    assert "nothing is left" in output
    assert library.repeated() == 0
    jobs = library.ask("select string_agg(distinct pipeline_name, ' ') from dagster.runs")
    assert {"decode_batch", "embed_batch"} <= set(jobs.split())


@pytest.mark.parametrize("job", ["decode_batch", "embed_batch", "publish_index"])
def test_a_raylet_killed_at_any_stage_changes_nothing(
    cluster: Cluster, expected: str, library: Library, facts: dict[str, Any], job: str
) -> None:
    ingest = library.ingest()
    host = until(lambda: cluster.working(job), LIMIT)
    cluster.raylet(host).kill()
    output = finished(ingest)
    facts["runs_lost"] = facts.get("runs_lost", 0) + library.lost()
    facts["runs_repeated"] = facts.get("runs_repeated", 0) + library.repeated()
    facts["same_version"] = facts.get("same_version", True) and library.version() == expected
    assert library.version() == expected, output
    assert library.lost() == 0


def test_a_lost_hosts_lock_is_free_within_half_a_minute_and_it_records_nothing_more(
    cluster: Cluster, expected: str, library: Library, facts: dict[str, Any]
) -> None:
    ingest = library.ingest()
    host = until(lambda: cluster.working("embed_batch"), LIMIT)
    locks = (
        "select count(*) from pg_locks join pg_stat_activity using (pid) where locktype = "
        f"'advisory' and granted and client_addr = '{host.address}'"
    )
    until(lambda: library.ask(locks), LIMIT)
    stopped = [psutil.Process(pid) for pid in host.processes()]
    for process in stopped:
        process.suspend()  # so that it is at the same point when it is back
    host.lose()
    facts["lost_host_lock_s"] = round(seconds_until(lambda: library.ask(locks) == 0, LIMIT), 1)
    assert facts["lost_host_lock_s"] < 30
    output = finished(ingest)
    assert library.version() == expected, output
    holders = library.ask("select array_agg(lock_holder order by id) from batches")
    embedded = library.ask("select array_agg(embedded_at order by batch_id) from embedded_batches")
    host.find()
    for process in stopped:
        if process.is_running():
            process.resume()
    until(lambda: cluster.working("embed_batch") is None, LIMIT)
    assert library.ask("select array_agg(lock_holder order by id) from batches") == holders
    after = library.ask("select array_agg(embedded_at order by batch_id) from embedded_batches")
    assert after == embedded
    assert library.version() == expected
    assert library.repeated() >= 1


def test_a_head_that_is_restarted_delays_the_ingest_and_no_more(
    cluster: Cluster, expected: str, library: Library
) -> None:
    ingest = library.ingest()
    until(lambda: cluster.working("decode_batch"), LIMIT)
    cluster.stop("head")
    for pid in cluster.head.processes():
        os.kill(pid, signal.SIGKILL)
    ingest.send_signal(signal.SIGINT)  # it could be told nothing by a head that has forgotten all
    ingest.communicate(timeout=LIMIT)
    cluster.stop()
    cluster.start_ray(library)
    output = finished(library.ingest())
    assert library.version() == expected, output


def test_a_node_with_another_data_root_is_refused_by_name(
    cluster: Cluster, library: Library
) -> None:
    cluster.stop(*(worker.name for worker in cluster.workers))
    for worker in cluster.workers:
        cluster.start_worker(worker, {**library.environment, "SOUNDALIKE_DATA": "/var/tmp/own"})
    ingest = library.ingest()
    output, _ = ingest.communicate(timeout=LIMIT)
    assert ingest.returncode == 1
    words = " ".join(output.split())
    assert f"SOUNDALIKE_DATA: the daemon has {cluster.folder}/{library.name}" in words
    assert library.ask("select count(*) from batches") == 0


def test_another_cpu_is_refused_by_name(cluster: Cluster, library: Library) -> None:
    other = "cpu float32, Elbrus VLIW, torch 2.13.0"
    library.soundalike("ingest")
    with psycopg.connect(f"{URL}/{library.name}", autocommit=True) as connection:
        connection.execute("update library_settings set arithmetic = %s", [other])
        connection.execute("delete from embedded_batches where batch_id = 1")
        connection.execute("delete from vectors where batch_id = 1")
    ingest = library.ingest()
    output, _ = ingest.communicate(timeout=LIMIT)
    assert ingest.returncode == 1
    assert f"the library is embedded with {other}, and" in " ".join(output.split())


def test_runs_go_on_while_a_daemon_or_an_ingest_starts(cluster: Cluster, library: Library) -> None:
    """What ends orphaned runs asks Ray first."""
    ingest = library.ingest()
    until(lambda: cluster.working("decode_batch"), LIMIT)
    ingest.kill()  # no word to its runs, which go on
    ingest.communicate()
    output = finished(library.ingest())
    assert "nothing is left" in output
    assert library.ask("select array_agg(distinct status) from dagster.runs") == ["SUCCESS"]
