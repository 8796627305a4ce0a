"""Traces must lead from a request to its statements, and cost nothing where nobody wants them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from soundalike import tracing
from soundalike.catalog.engine import open_catalog
from soundalike.ingest.stage import at_stage
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.collector import Collector, collecting
from tests.serving.collection import Collection, numbered
from tests.serving.service import eventually_serves, running

PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


async def test_a_request_leads_to_its_search_and_its_statements(
    collector: Collector, database_url: str, store: ArtifactStore
) -> None:
    sessions = open_catalog(database_url)
    collection = Collection(sessions, store)
    [track, _] = collection.add(*numbered(2))
    version = collection.publish()
    sessions.kw["bind"].dispose()
    async with running(Settings(DATABASE_URL=database_url, data=store.root)) as api:
        await eventually_serves(api, version)
        headers = {"traceparent": f"00-{PARENT}-00f067aa0ba902b7-01"}
        assert (await api.get(f"/v1/tracks/{track}/similar", headers=headers)).is_success
        assert (await api.get("/v1/stats")).is_success
    [similar] = collector.named("GET /v1/tracks/{track_id}/similar")
    assert (similar.trace, similar.service) == (PARENT, "soundalike-api")
    assert similar.attributes["http.route"] == "/v1/tracks/{track_id}/similar"
    assert "search" in collector.children(similar)
    [stats] = collector.named("GET /v1/stats")
    assert "SQL SELECT" in collector.children(stats)
    assert stats.trace != PARENT


def test_a_run_leads_to_its_stages_and_a_failed_statement_ends(
    collector: Collector, database_url: str
) -> None:
    with tracing.tracing("soundalike-runs"), tracing.span("run", run="r1"):
        sessions = open_catalog(database_url)
        with at_stage("embeddings", "b000001"), sessions() as session:
            session.execute(text("select :secret"), {"secret": "s3cret"})
            with pytest.raises(SQLAlchemyError):
                session.execute(text("insert into nowhere values (1)"))
        sessions.kw["bind"].dispose()
    [run] = collector.named("run")
    assert run.attributes == {"soundalike.run": "r1"}
    assert "embeddings" in collector.children(run)
    [stage] = collector.named("embeddings")
    assert stage.attributes == {"soundalike.batch": "b000001"}
    assert collector.children(stage) == ["SQL INSERT", "SQL SELECT"]
    assert "s3cret" not in str(collector.spans)


@pytest.mark.slow
def test_a_collector_that_is_away_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv(tracing.ENDPOINT, f"http://127.0.0.1:{free_port}")
    with tracing.tracing("soundalike-api"), tracing.span("work"):
        pass
    assert tracing.span("work") is tracing.OFF


def test_without_an_endpoint_nothing_is_traced(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    with tracing.tracing("soundalike-api"):
        assert tracing.span("a") is tracing.span("b", run="r") is tracing.OFF
        sessions = open_catalog(database_url)
        assert not list(sessions.kw["bind"].dispatch.before_cursor_execute)
        sessions.kw["bind"].dispose()
    imported = "import sys, soundalike.catalog.engine; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with (
        pytest.raises(tracing.SettingsError, match=r"pip install 'soundalike\[otel\]'"),
        tracing.tracing("soundalike-api"),
    ):
        pass
