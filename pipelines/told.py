"""Told: what a run tells whoever waits for it in another process, as events of the run.

`soundalike ingest` waits so where runs are executed by other machines (foreground/). Reports and
progress travel as JSON beside a sentence for people, and go with the run.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import dagster as dg
from dagster._core.events import EngineEventData
from pydantic import TypeAdapter

from soundalike.ingest.reports import LoggedReports, RunReport
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.progress import no_audio
from soundalike.resource_usage import Usage
from soundalike.vectors.index_files import IndexManifest

T = TypeVar("T")
WAITED_TAG = "soundalike/waited"  # of a run that a process waits for
TOLD = "soundalike"
STEP_SECONDS = 2.0  # between two events of a stage's progress
SCAN = TypeAdapter(ScanReport)
# Of a stage's report; its files and failures are in the catalog.
STAGE_FIELDS = ("stage", "batch", "uri", "version", "done", "reused", "audio_seconds")


@dataclass(frozen=True)
class StageProgress:
    """Progress of a stage of a run."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class StageError:
    """An error of a stage, by its class's name."""

    kind: str
    message: str


Told = StageProgress | StageError | ScanReport | StageReport | IndexManifest


class Teller:
    """Tells of one run, into its events."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        self._instance = instance
        self._run = run

    def tell(self, sentence: str, told: Told) -> None:
        """Record it as an event of the run."""
        data = EngineEventData({TOLD: dg.MetadataValue.json(_written(told))})
        self._instance.report_engine_event(sentence, self._run, data)


class ToldProgress:
    """A Progress of which whoever waits can draw bars. `clock` returns a time in seconds."""

    def __init__(self, teller: Teller, clock: Callable[[], float] = time.monotonic) -> None:
        self._teller = teller
        self._clock = clock

    def track(
        self,
        results: Iterable[T],
        stage: str,
        total: int,
        _seconds: Callable[[T], float] = no_audio,
    ) -> Iterator[T]:
        """Yield the results, and tell at the start, every two seconds, and at the end."""
        told = self._clock()
        self._tell(stage, 0, total)
        for done, result in enumerate(results, 1):
            if done == total or self._clock() - told >= STEP_SECONDS:
                told = self._clock()
                self._tell(stage, done, total)
            yield result

    def _tell(self, stage: str, done: int, total: int) -> None:
        self._teller.tell(f"{stage}: {done} of {total}", StageProgress(stage, done, total))


class ToldReports(LoggedReports):
    """Reports that are told, beside being logged."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def add(self, report: RunReport) -> None:
        """Log the report and tell it; an index that is built is told once it is published."""
        super().add(report)
        if isinstance(report, Told):
            self._teller.tell(f"{type(report).__name__} of this run", report)

    def fail(self, error: Exception) -> None:
        """Log the error and tell it."""
        super().fail(error)
        self._teller.tell(f"failed: {error}", StageError(type(error).__name__, str(error)))


def told_of(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None
) -> tuple[list[Told], str | None]:
    """Return what a run has told since `cursor`, and the cursor for the next time."""
    engine = dg.DagsterEventType.ENGINE_EVENT
    found = instance.get_records_for_run(run_id, cursor=cursor, of_type=engine)
    told = []
    for record in found.records:
        event = record.event_log_entry.dagster_event
        value = event.engine_event_data.metadata.get(TOLD) if event else None
        if isinstance(value, dg.JsonMetadataValue):
            told.append(_read(value.value))
    return told, found.cursor


def _written(told: Told) -> dict[str, Any]:
    if isinstance(told, ScanReport):
        return {"scan": SCAN.dump_python(told, mode="json")}
    if isinstance(told, IndexManifest):
        return {"index": told.model_dump(mode="json")}
    if isinstance(told, StageReport):
        fields = {name: getattr(told, name) for name in STAGE_FIELDS}
        return {"stage": fields | {"usage": asdict(told.usage)}}
    return {"progress" if isinstance(told, StageProgress) else "error": asdict(told)}


def _read(written: Any) -> Told:  # noqa: ANN401 - JSON
    [(kind, fields)] = written.items()
    if kind == "scan":
        return SCAN.validate_python(fields)
    if kind == "index":
        return IndexManifest.model_validate(fields)
    if kind == "stage":
        usage = Usage(**fields["usage"])
        return StageReport(**{**fields, "usage": usage}, failures=(), notes={})
    return StageProgress(**fields) if kind == "progress" else StageError(**fields)
