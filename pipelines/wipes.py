"""Wipes: assets whose materialisations a person wiped in the UI although their artifacts exist."""

from collections.abc import Collection, Sequence

import dagster as dg

NO_RECORD = -1.0


def last_wipes(instance: dg.DagsterInstance, assets: Sequence[str]) -> dict[str, float]:
    """The time (Unix) of each asset's last wipe: 0 if it was never wiped.

    NO_RECORD if Dagster has no record of the asset at all: it was never materialised, or wiped and
    not materialised since.
    """
    wipes = dict.fromkeys(assets, NO_RECORD)
    for record in instance.get_asset_records([dg.AssetKey(asset) for asset in assets]):
        details = record.asset_entry.asset_details
        wiped_at = details.last_wipe_timestamp if details else None
        wipes[record.asset_entry.asset_key.to_user_string()] = wiped_at or 0.0
    return wipes


def unmaterialised(
    instance: dg.DagsterInstance, assets: Sequence[str], keys: Collection[str]
) -> list[str]:
    """The partitions among `keys` that Dagster has no materialisation of in one of the assets."""
    missing: set[str] = set()
    for asset in assets:
        missing |= set(keys) - instance.get_materialized_partitions(dg.AssetKey(asset))
    return sorted(missing)
