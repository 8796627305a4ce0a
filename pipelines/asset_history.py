"""Asset history: the runs whose events Dagster still needs, for what the UI says of assets.

Dagster deletes with a run the events that it wrote. Materialisations are such events: with the run
that wrote it last, a partition would lose its data version, and what was made of it become stale.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import dagster as dg
from dagster._core.definitions.data_version import extract_data_provenance_from_entry

MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
OBSERVED = dg.DagsterEventType.ASSET_OBSERVATION
PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED  # which run was last, and how it ended
EVENTS_AT_ONCE = 1000
Events = Mapping[dg.AssetKey, Mapping[str, int]]  # asset, partition -> storage id
Pointers = Mapping[dg.AssetKey, int | None]  # input -> storage id


class AssetHistory:
    """The latest events of assets and their partitions, as they were when first asked for."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        assets: Sequence[dg.AssetsDefinition],
        checks: Sequence[dg.AssetChecksDefinition],
    ) -> None:
        self.instance, self._assets, self._checks = instance, assets, checks
        self._known_pointers: dict[tuple[dg.AssetKey, str], Pointers] = {}

    def needs(self, run_id: str) -> bool:
        """Return whether the run wrote the latest event of a kind, or one that it refers to.

        The last run of a check or asset is needed too, as only it says how that ended.
        """
        if run_id in self._last_runs:
            return True
        records = self.instance.get_records_for_run(run_id, of_type=MATERIALIZED).records
        return any(map(self._is_compared_with, records))

    @cached_property
    def _keys(self) -> list[dg.AssetKey]:
        return [key for asset in self._assets for key in asset.keys]

    @cached_property
    def _latest(self) -> Mapping[dg.DagsterEventType, Events]:
        latest = self.instance.get_latest_storage_id_by_partition
        kinds = (MATERIALIZED, OBSERVED, PLANNED)
        return {kind: {key: latest(key, kind) for key in self._keys} for kind in kinds}

    @cached_property
    def _last_runs(self) -> set[str | None]:
        """Return the runs that wrote the latest events; at once, as a query each takes long."""
        entries = [record.asset_entry for record in self.instance.get_asset_records(self._keys)]
        checks = [key for check in self._checks for key in check.check_keys]
        checked = self.instance.event_log_storage.get_asset_check_partition_info(checks)
        newest = (
            record.run_id
            for fetch in (self.instance.fetch_materializations, self.instance.fetch_observations)
            for key in self._keys
            for record in fetch(key, limit=1).records
        )
        return {
            *(entry.last_run_id for entry in entries),
            *(each.latest_planned_run_id for each in checked),
            *newest,
            *self._last_runs_of_partitions(),
        }

    def _last_runs_of_partitions(self) -> Iterator[str]:
        made = self._latest[MATERIALIZED]
        for kind, events in self._latest.items():
            for key, partitions in events.items():
                # What was planned before the partition was made last tells nothing new.
                ids = [
                    storage_id
                    for partition, storage_id in partitions.items()
                    if kind != PLANNED or storage_id > made[key].get(partition, 0)
                ]
                for start in range(0, len(ids), EVENTS_AT_ONCE):
                    some = ids[start : start + EVENTS_AT_ONCE]
                    wanted = dg.EventRecordsFilter(kind, asset_key=key, storage_ids=some)
                    found = self.instance.event_log_storage.get_event_records(wanted)
                    yield from (record.run_id for record in found)

    @cached_property
    def _made_of(self) -> Mapping[dg.AssetKey, list[dg.AssetKey]]:
        made_of = defaultdict(list)
        for asset in self._assets:
            for spec in asset.specs:
                for dep in spec.deps:
                    made_of[dep.asset_key].append(spec.key)
        return made_of

    def _is_compared_with(self, record: dg.EventLogRecord) -> bool:
        """Return whether a later materialisation of its partition is to be compared with it.

        That is so until what was made of it is made of the later one.
        """
        key, partition = record.asset_key, record.partition_key
        if not key or not partition or record.event_type != MATERIALIZED:
            return False
        latest = self._latest[MATERIALIZED].get(key, {}).get(partition, 0)  # 0: no such asset now
        pointers = [self._pointers(made, partition).get(key) for made in self._made_of[key]]
        return any(pointer and record.storage_id <= pointer < latest for pointer in pointers)

    def _pointers(self, key: dg.AssetKey, partition: str) -> Pointers:
        """Return the events that the latest materialisation of an asset was made of."""
        place = key, partition
        if place not in self._known_pointers:
            of_partition = self._latest[MATERIALIZED][key].get(partition)
            filtered = dg.AssetRecordsFilter(
                asset_key=key, asset_partitions=[partition] if of_partition else None
            )
            records = self.instance.fetch_materializations(filtered, limit=1).records
            found = records and extract_data_provenance_from_entry(records[0].event_log_entry)
            self._known_pointers[place] = found.input_storage_ids if found else {}
        return self._known_pointers[place]
