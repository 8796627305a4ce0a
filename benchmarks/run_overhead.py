"""The fixed cost of a run and of each further batch in it: everything but the music.

A library of batches of one two-second track each. A run of one batch, and one of many, are launched
as the daemon launches them, and timed until they have ended. Baseline in the same run: the same
work by a process that starts and imports everything anew, as Dagster's own launchers do.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile
from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext

from pipelines.definitions import build_defs
from pipelines.runs import range_tags
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import child_environment
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanRules, scan
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings

REPOSITORY = Path(__file__).parents[1]
TOGETHER = 16
JOB = "ingest_batch"


def overheads(folder: Path) -> dict[str, float]:
    """Seconds: of a run of one batch, of a further batch in a run, and of the baseline."""
    os.environ |= {"SOUNDALIKE_MODEL": "musicnn-msd", "SOUNDALIKE_DATA": str(folder / "data")}
    os.environ["SOUNDALIKE_MODELS"] = str(REPOSITORY / ".cache" / "models")
    load_settings.cache_clear()
    settings = load_settings()
    with connected_database(settings) as url:
        keys = library(folder / "music", settings, url, batches=TOGETHER + 4)
        os.environ |= child_environment(settings, url)
        load_settings.cache_clear()
        with DagsterInstance.get() as instance:
            instance.add_dynamic_partitions("batch", keys)
            launched(instance, keys[:1])  # the forkserver starts with the first run
            one = launched(instance, keys[1:2])
            many = launched(instance, keys[2 : 2 + TOGETHER])
        fresh = fresh_process(keys[-1])
    return {
        "run_overhead_s": one,
        "batch_overhead_s": (many - one) / (TOGETHER - 1),
        "run_ratio_vs_fresh_process": one / fresh,
    }


def library(music: Path, settings: Settings, url: str, batches: int) -> list[str]:
    """Seal batches of one track of two seconds of noise."""
    music.mkdir(parents=True)
    for number in range(batches):
        noise = np.random.default_rng(number).normal(0, 0.1, 88_200)
        soundfile.write(music / f"{number:03d}.flac", noise, 44_100)
    upgrade(url)
    sessions = open_catalog(url)
    register_roots(sessions, [str(music)])
    return list(scan(sessions, ScanRules(settle_seconds=0, batch_tracks=1)).batches)


def launched(instance: DagsterInstance, keys: list[str]) -> float:
    """Launch a run of these batches; return the seconds until it has ended well."""
    repository = ReconstructableRepository.for_module("pipelines.definitions", "defs")
    origin = repository.get_reconstructable_job(JOB).get_python_origin()
    job = build_defs().resolve_job_def(JOB)
    run = instance.create_run_for_job(job, tags=range_tags(keys), job_code_origin=origin)
    started = time.perf_counter()
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    while True:
        run = instance.get_run_by_id(run.run_id)
        if run.is_finished:
            break
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    if not run.is_success:
        raise SystemExit(f"run {run.run_id} of {keys}: {run.status}")
    return seconds


def fresh_process(key: str) -> float:
    """The seconds of the same run by a Python process that is started for it."""
    command = [Path(sys.executable).with_name("dagster"), "job", "execute", "-j", JOB]
    tags = f'{{"dagster/partition": "{key}"}}'
    started = time.perf_counter()
    subprocess.run(
        [*command, "-m", "pipelines.definitions", "--tags", tags],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started
