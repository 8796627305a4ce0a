"""Submission of a run to the launcher, by a process that then waits for it."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from pipelines.runs import range_tags
from pipelines.told import WAITED_TAG
from soundalike.errors import SoundalikeError

# Dagster's daemon would repeat a lost run too, which whoever waits for it does.
TAGS = {WAITED_TAG: "ingest", "dagster/max_retries": "0"}


class NotLaunched(SoundalikeError):
    """The launcher took no run."""


def submit(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    keys: Sequence[str],
    run_config: dict[str, Any] | None,
) -> str:
    """Have the launcher execute a job, of these batches if there are any; return the run's id.

    Raises NotLaunched.
    """
    run = instance.create_run_for_job(
        job,
        run_config=run_config,
        tags={**job.tags, **TAGS, **(range_tags(keys) if keys else {})},
        job_code_origin=JobPythonOrigin(job.name, _code()),
    )
    try:
        instance.launch_run(run.run_id, None)  # type: ignore[arg-type]  # no launcher asks for it
    except Exception as error:  # whatever a launcher raises
        raise NotLaunched(f"{job.name} could not be started: {error}") from error
    return run.run_id


def _code() -> RepositoryPythonOrigin:
    """The pipeline's code, as a code server tells it to a launcher."""
    context = os.environ.get("DAGSTER_CONTAINER_CONTEXT")
    return RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=ModuleCodePointer("pipelines.definitions", "defs"),
        container_image=os.environ.get("DAGSTER_CURRENT_IMAGE"),
        entry_point=[sys.executable, "-m", "dagster"],
        container_context=json.loads(context) if context else None,
    )
