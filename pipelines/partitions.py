"""The one partition set: ingest batches, as the catalog sealed them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg

from soundalike.settings import load_settings

batches = dg.DynamicPartitionsDefinition(name="batch")

# Dagster adds partitions of a set one by one in the database.
KEYS_A_REQUEST = 1000
REQUESTS_A_TICK = 10


def batches_in_one_run() -> dg.BackfillPolicy:
    """Split a backfill into runs of several batches, which pay a run's fixed cost once."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=load_settings().batches_per_run)


@dataclass(frozen=True)
class Reconciliation:
    """The changes that make the partition set that of the catalog, and its order afterwards."""

    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]
    order: Sequence[str]


def reconcile(present: Sequence[str], sealed: Collection[str]) -> Reconciliation:
    """Compare the partition set with the sealed batches.

    Batches whose partition is missing, never added or deleted by hand, are added; partitions of no
    batch are deleted. At most KEYS_A_REQUEST * REQUESTS_A_TICK are added at a time.
    """
    sealed = set(sealed)
    missing = sorted(sealed.difference(present))[: KEYS_A_REQUEST * REQUESTS_A_TICK]
    unknown = [key for key in present if key not in sealed]
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = [
        batches.build_add_request(missing[start : start + KEYS_A_REQUEST])
        for start in range(0, len(missing), KEYS_A_REQUEST)
    ]
    if unknown:
        requests.append(batches.build_delete_request(unknown))
    return Reconciliation(requests, [*(key for key in present if key in sealed), *missing])


def split_into_runs(
    keys: Sequence[str], order: Sequence[str], longest: int, alone: Collection[str] = ()
) -> list[list[str]]:
    """Split partitions into runs of at most `longest` that follow each other in `order`.

    Those of `alone` get a run of their own.
    """
    positions, alone = {key: position for position, key in enumerate(order)}, set(alone)
    runs: list[list[str]] = []
    for key in sorted((key for key in keys if key in positions), key=positions.__getitem__):
        last = runs[-1] if runs else []
        joins = (
            0 < len(last) < longest
            and positions[last[-1]] + 1 == positions[key]
            and alone.isdisjoint((key, last[-1]))
        )
        if joins:
            last.append(key)
        else:
            runs.append([key])
    return runs
