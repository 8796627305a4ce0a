"""Pools that a cluster's launcher widens: there, resources say how much is at work at a time."""

import dagster as dg

SHARED_OUT = ("decode", "model")  # the pools of work that a cluster spreads over its nodes


def widen_pools(instance: dg.DagsterInstance) -> None:
    """Let as many runs decode and embed at a time as may run; a limit set by hand stays."""
    storage = instance.event_log_storage
    by_hand = {each.name for each in storage.get_pool_limits() if not each.from_default}
    most = instance.get_concurrency_config().run_queue_config
    for pool in SHARED_OUT:
        if pool not in by_hand and most:
            storage.set_concurrency_slots(pool, most.max_concurrent_runs)
