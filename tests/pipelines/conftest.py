"""The real definitions, on an instance of the test's own, with a model that costs nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.map_sensor import published_without_map
from pipelines.run_launcher import PROCESS_TAG
from pipelines.sensors import changed_library, sealed_batches, small_segments
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.ingest.reports import RecordedReports
from soundalike.ingest.roots import register_roots
from soundalike.progress import NoProgress
from soundalike.storage.layout import ArtifactStore
from tests.fakes import FakeModel


@dataclass
class Orchestra:
    """Runs jobs as Dagster would, and remembers the instance."""

    music: Path
    instance: dg.DagsterInstance
    resources: dict[str, Any]
    cursors: dict[str, str | None] = field(default_factory=dict)

    @property
    def reports(self) -> RecordedReports:
        """What the stages of its runs reported."""
        reports: RecordedReports = self.resources["reports"]
        return reports

    def run(self, job: str, **options: Any) -> dg.ExecuteInProcessResult:
        definition = build_defs(self.resources).resolve_job_def(job)
        return definition.execute_in_process(
            instance=self.instance, raise_on_error=False, **options
        )

    def batch_tick(self) -> dg.SensorResult:
        """A tick of `sealed_batches`, applied as the daemon does it, but for the runs."""
        result = self._tick(sealed_batches, "sessions", "model")
        for request in result.dynamic_partitions_requests or []:
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions("batch", list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition("batch", key)
        return result

    def index_tick(self) -> dg.SensorResult:
        """A tick of `changed_library`."""
        return self._tick(changed_library, "sessions", "store", "model")

    def merge_tick(self) -> dg.SensorResult:
        """A tick of `small_segments`."""
        return self._tick(small_segments, "sessions", "store", "model")

    def map_tick(self) -> dg.SensorResult:
        """A tick of `published_without_map`."""
        return self._tick(published_without_map, "sessions", "store")

    def _tick(self, sensor: dg.SensorDefinition, *names: str) -> dg.SensorResult:
        cursor = self.cursors.get(sensor.name)
        with dg.build_sensor_context(instance=self.instance, cursor=cursor) as context:
            result = sensor(context, **{name: self.resources[name] for name in names})
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(skip_reason=result)
        assert isinstance(result, dg.SensorResult)
        self.cursors[sensor.name] = result.cursor
        return result

    def ingest(self, *batches: str) -> None:
        assert self.run("scan").success
        self.instance.add_dynamic_partitions("batch", list(batches))
        for batch in batches:
            assert self.run("ingest_batch", partition_key=batch).success


@pytest.fixture
def orchestra(
    tmp_path: Path,
    sessions: Sessions,
    store: ArtifactStore,
    decoders: Decoders,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Orchestra]:
    (tmp_path / "music").mkdir()
    monkeypatch.setenv("SOUNDALIKE_SETTLE_SECONDS", "0")
    register_roots(sessions, [str(tmp_path / "music")])
    resources = {
        "sessions": sessions,
        "store": store,
        "decoders": decoders,
        "model": FakeModel(),
        "progress": NoProgress(),
        "reports": RecordedReports(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        yield Orchestra(tmp_path / "music", instance, resources)


def named(instance: dg.DagsterInstance, run: dg.DagsterRun, process: str) -> dg.DagsterRun:
    """The run as its launcher leaves it: with the name of its process."""
    instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{process} for {run.run_id}"})
    told = instance.get_run_by_id(run.run_id)
    assert told
    return told
