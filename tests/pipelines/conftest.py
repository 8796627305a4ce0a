"""The real definitions, on an instance of the test's own, with a model that costs nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build_defs
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
