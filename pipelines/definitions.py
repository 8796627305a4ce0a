"""The one entry point Dagster loads: assets, checks, jobs, sensors, schedules, resources."""

from collections.abc import Mapping

import dagster as dg

from pipelines.assets import ASSETS
from pipelines.checks import CHECKS
from pipelines.jobs import JOBS
from pipelines.resources import RESOURCES
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS


def build_defs(resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Everything, with some resources replaced: by the foreground's own, or by a test's.

    Runs execute in one process: a process a step would load everything five times over.
    """
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**RESOURCES, **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster's processes load."""
    return build_defs()
