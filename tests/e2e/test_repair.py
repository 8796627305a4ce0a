"""`soundalike up` after trouble: repaired work is done without a click, cancelled work is left."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Installation
from tests.e2e.test_up import TIMEOUT_SECONDS, Up, running
from tests.patience import until

pytestmark = pytest.mark.slow

RUNS = """
query Runs($filter: RunsFilter) {
  runsOrError(filter: $filter) {
    ... on Runs { results { runId status tags { key value } } }
  }
}
"""
TICKS = """
query Ticks($sensor: InstigationSelector!) {
  instigationStateOrError(instigationSelector: $sensor) {
    ... on InstigationState { ticks(limit: 1) { status skipReason } }
  }
}
"""
LIMIT = """
mutation Limit($pool: String!, $limit: Int!) {
  setConcurrencyLimit(concurrencyKey: $pool, limit: $limit)
}
"""
TERMINATE = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run) { __typename ... on PythonError { message } }
}
"""


@pytest.fixture
def up(open_folder: Path, models_dir: Path, demo_music: Path) -> Iterator[Up]:
    """A running instance on one song that nobody has looked at yet."""
    (open_folder / "music").mkdir()
    shutil.copy(next(demo_music.rglob("*.opus")), open_folder / "music")
    library = Installation.at(
        open_folder / "data",
        models_dir,
        SOUNDALIKE_MUSIC=str(open_folder / "music"),
        SOUNDALIKE_WORKERS="1",
    )
    with running(library) as started:
        yield started


def runs(up: Up, status: str) -> list[str]:
    """Ids of the runs of batches with this status."""
    wanted = {"filter": {"pipelineName": "ingest_batch", "statuses": [status]}}
    found = up.dagster._execute(RUNS, wanted)["runsOrError"]["results"]
    return [run["runId"] for run in found]


def skip_reason(up: Up, sensor: str) -> str:
    """Why the sensor's last tick requested nothing."""
    [location] = up.dagster._execute(
        "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }"
    )["workspaceOrError"]["locationEntries"]
    selector = {
        "name": sensor,
        "repositoryName": "__repository__",
        "repositoryLocationName": location["name"],
    }
    state: dict[str, Any] = up.dagster._execute(TICKS, {"sensor": selector})
    ticks = state["instigationStateOrError"]["ticks"]
    return str(ticks[0]["skipReason"]) if ticks else ""


def test_what_failed_is_served_after_it_was_repaired_without_a_click(
    up: Up, open_folder: Path
) -> None:
    blocker = open_folder / "data" / "embeddings"
    blocker.write_text("in the way of the folder")
    up.scan()
    until(lambda: runs(up, "FAILURE"), TIMEOUT_SECONDS)
    until(lambda: "next try at" in skip_reason(up, "sealed_batches"), TIMEOUT_SECONDS)
    blocker.unlink()
    up.serves(1)


def test_a_run_that_was_cancelled_stays_cancelled_until_something_changes(
    up: Up, open_folder: Path, demo_music: Path
) -> None:
    up.dagster._execute(LIMIT, {"pool": "decode", "limit": 0})
    up.scan()
    [run] = until(lambda: runs(up, "QUEUED") or runs(up, "STARTED"), TIMEOUT_SECONDS)
    ended = up.dagster._execute(TERMINATE, {"run": run})
    assert ended["terminateRun"]["__typename"] == "TerminateRunSuccess", ended
    until(lambda: runs(up, "CANCELED") == [run], TIMEOUT_SECONDS)
    up.dagster._execute(LIMIT, {"pool": "decode", "limit": 1})
    until(lambda: "cancelled at" in skip_reason(up, "sealed_batches"), TIMEOUT_SECONDS)
    another = sorted(demo_music.rglob("*.opus"))[5]
    shutil.copy(another, open_folder / "music" / "another.opus")
    up.scan()
    up.serves(1)
    assert runs(up, "CANCELED") == [run]
    assert len(runs(up, "SUCCESS")) == 1, "only the new file's"
