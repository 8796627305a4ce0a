"""The one entry point Dagster loads: assets, checks, jobs, sensors, schedules, resources."""

import dagster as dg

from pipelines.assets import ASSETS
from pipelines.automation import JOBS, SCHEDULES, SENSORS
from pipelines.checks import CHECKS
from pipelines.resources import RESOURCES


@dg.definitions
def defs() -> dg.Definitions:
    """Runs execute in one process: a process a step would load everything five times over."""
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources=RESOURCES,
        executor=dg.in_process_executor,
    )
