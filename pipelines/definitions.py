"""The one entry point Dagster loads: assets, checks, jobs, sensors, schedules, resources.

Definitions are only put together here; each is defined in the module of its kind.
"""

from collections.abc import Mapping

import dagster as dg

from pipelines.alerts import ALERTS
from pipelines.asset_specs import described
from pipelines.assets import ASSETS, EXTERNAL_ASSETS
from pipelines.checks import CHECKS
from pipelines.freshness import FRESHNESS_CHECKS, FRESHNESS_SENSORS
from pipelines.jobs import JOBS
from pipelines.map_sensor import published_without_map
from pipelines.prune import PRUNE_JOBS
from pipelines.resources import RESOURCES
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS
from pipelines.watch import WATCH_SENSORS
from soundalike.settings import load_settings


def build_defs(resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Build the definitions, with some resources replaced by the foreground's or a test's.

    Runs execute in one process: with a process a step, everything would be loaded five times.
    """
    return dg.Definitions(
        assets=described([*ASSETS, *EXTERNAL_ASSETS], load_settings()),
        asset_checks=[*CHECKS, *FRESHNESS_CHECKS],
        jobs=[*JOBS, *PRUNE_JOBS],
        schedules=SCHEDULES,
        sensors=[*SENSORS, published_without_map, *WATCH_SENSORS, *ALERTS, *FRESHNESS_SENSORS],
        resources={**RESOURCES, **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions that Dagster's processes load."""
    return build_defs()
