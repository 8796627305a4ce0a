"""A failed run must be told to who asked for it, and never tell a secret or hold anything up."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import dagster as dg
import pytest
import structlog
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from pipelines import webhook
from pipelines.alerts import alert_of, failed_runs
from pipelines.orphaned_runs import FOREGROUND_TAG
from pipelines.told import WAITED_TAG
from pipelines.webhook import Alert, WebhookError, form_of, post
from soundalike.errors import LibraryError
from soundalike.settings import Settings, load_settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

SECRET = "postgresql://soundalike:hunter2@db.example.org:5432/catalog"
ALERT = Alert(
    title="soundalike: scan failed",
    reason="a <b> & c",
    job="scan",
    run_id="1234",
    partitions="",
    url="http://127.0.0.1:3000/runs/1234",
)


class Hook:
    """A webhook on loopback that notes what it is sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers = Event()
        self.answers.set()

    @property
    def body(self) -> Any:
        [(_, _, body)] = self.received
        return json.loads(body)


@contextmanager
def serve() -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.received.append((self.path, dict(self.headers), body))
            hook.answers.wait()
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at `received` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Hook(f"http://127.0.0.1:{server.server_port}/secret-path")
    Thread(target=server.serve_forever, daemon=True).start()
    yield hook
    hook.answers.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as served:
        yield served


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hooks.slack.com/services/T0/B0/key", "slack"),
        ("https://discord.com/api/webhooks/1/key/slack", "slack"),
        ("https://ntfy.sh/my-topic", "ntfy"),
        ("https://ntfy.example.org/my-topic", "ntfy"),
        ("https://notntfy.example.org/hook", "json"),
        ("https://example.org/hook", "json"),
        ("https://chat.example.org/hooks/key#slack", "slack"),
        ("https://ntfy.sh/my-topic#json", "json"),
        ("https://example.org/hook#section", "json"),
    ],
)
def test_the_form_follows_from_the_url(url: str, form: str) -> None:
    assert form_of(url) == form


def test_slack_is_sent_a_text_with_its_three_special_characters_escaped(hook: Hook) -> None:
    post(f"{hook.url}#slack", ALERT)
    assert hook.body == {
        "text": "*soundalike: scan failed*\na &lt;b&gt; &amp; c\n"
        "<http://127.0.0.1:3000/runs/1234|run 1234>"
    }


def test_ntfy_is_sent_a_text_with_a_title(hook: Hook) -> None:
    post(f"{hook.url}#ntfy", Alert(**{**vars(ALERT), "reason": "für Élise fehlt", "title": "é"}))
    [(path, headers, body)] = hook.received
    assert path == "/secret-path", "the form that was chosen is not sent"
    assert headers["Title"] == "?"
    assert headers["Click"] == ALERT.url
    assert body.decode() == f"für Élise fehlt\n{ALERT.url}"


def test_others_are_sent_the_fields(hook: Hook) -> None:
    post(hook.url, ALERT)
    assert hook.body == vars(ALERT)


def test_a_hook_that_refuses_is_told_without_its_url(hook: Hook) -> None:
    hook.status = 403
    with pytest.raises(WebhookError) as refused:
        post(hook.url, ALERT)
    assert str(refused.value) == "127.0.0.1: answers 403"


def test_a_hook_that_hangs_is_given_up(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    hook.answers.clear()
    with pytest.raises(WebhookError) as given_up:
        post(hook.url, ALERT)
    assert "secret-path" not in str(given_up.value)


def failing_run(orchestra: Orchestra, **tags: str) -> dg.RunFailureSensorContext:
    """What Dagster's daemon gives the sensor after a run that failed."""
    song(orchestra.music / "a.flac", seconds=2.0)
    assert orchestra.run("scan").success
    orchestra.instance.add_dynamic_partitions("batch", ["b000001"])
    only = [dg.AssetKey("embeddings")]
    result = orchestra.run("ingest_batch", partition_key="b000001", asset_selection=only, tags=tags)
    assert not result.success
    return dg.build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=orchestra.instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the sensor logs, as JSON would have it."""
    lines: list[dict[str, Any]] = []

    def keep(_: object, level: str, fields: Any) -> Any:
        lines.append({"level": level, **fields})
        raise structlog.DropEvent

    structlog.reset_defaults()
    monkeypatch.setattr("pipelines.alerts.log", structlog.get_logger())
    structlog.configure(processors=[keep])
    return lines


@pytest.fixture(autouse=True)
def _structlog_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_failed_run_is_logged_and_posted_with_its_reason(
    orchestra: Orchestra,
    hook: Hook,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOUNDALIKE_ALERT_URL", hook.url)
    monkeypatch.setenv("SOUNDALIKE_DAGSTER_PORT", "3123")
    load_settings.cache_clear()
    context = failing_run(orchestra)
    failed_runs(context)
    reason = "batch b000001: 1 file is not read yet; materialise raw_audio of it first"
    run_id = context.dagster_run.run_id
    assert hook.body == {
        "title": "soundalike: ingest_batch failed (b000001)",
        "reason": reason,
        "job": "ingest_batch",
        "run_id": run_id,
        "partitions": "b000001",
        "url": f"http://127.0.0.1:3123/runs/{run_id}",
    }
    [line] = [line for line in told if line["event"] == "run.failed"]
    assert (line["level"], line["run_id"], line["job"]) == ("error", run_id, "ingest_batch")
    assert line["message"].endswith(reason)


def test_without_a_webhook_it_is_logged_alone(
    orchestra: Orchestra, told: list[dict[str, Any]]
) -> None:
    failed_runs(failing_run(orchestra))
    assert [line["event"] for line in told if line["level"] == "error"] == ["run.failed"]


@pytest.mark.parametrize("tag", [FOREGROUND_TAG, WAITED_TAG])
def test_what_failed_in_a_terminal_is_told_there_alone(
    orchestra: Orchestra,
    hook: Hook,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tag: str,
) -> None:
    monkeypatch.setenv("SOUNDALIKE_ALERT_URL", hook.url)
    load_settings.cache_clear()
    failed_runs(failing_run(orchestra, **{tag: "true"}))
    assert hook.received == []
    assert [line for line in told if line["event"] == "run.failed"] == []


def test_what_repeats_a_run_of_a_terminal_is_told_of(
    orchestra: Orchestra, told: list[dict[str, Any]]
) -> None:
    tags = {WAITED_TAG: "true", PARENT_RUN_ID_TAG: "a", ROOT_RUN_ID_TAG: "a"}
    failed_runs(failing_run(orchestra, **tags))
    assert [line["event"] for line in told if line["level"] == "error"] == ["run.failed"]


def test_a_webhook_that_cannot_be_reached_fails_no_tick_and_is_not_named(
    orchestra: Orchestra,
    told: list[dict[str, Any]],
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOUNDALIKE_ALERT_URL", f"http://127.0.0.1:{free_port}/secret-path")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    load_settings.cache_clear()
    failed_runs(failing_run(orchestra))
    [line] = [line for line in told if line["event"] == "alert.not_delivered"]
    assert line["cause"].startswith("127.0.0.1: ")
    assert "secret-path" not in str(told)


def test_no_secret_is_told(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LibraryError(f"{SECRET} k3y https://ntfy.sh/topic-9 s3://me:pass@bucket/a\x1b[2J")

    monkeypatch.setattr(sys.modules["pipelines.assets.library"], "scan", refuse)
    result = orchestra.run("scan")
    settings = Settings(database_url=SECRET, api_key="k3y", alert_url="https://ntfy.sh/topic-9")
    event = result.get_run_failure_event()
    alert = alert_of(orchestra.instance, result.dagster_run, event, settings)
    assert alert.reason == (
        "postgresql://(hidden)@db.example.org:5432/catalog (hidden) (hidden) "
        "s3://(hidden)@bucket/a\\x1b[2J"
    )


def test_the_sensor_runs_by_itself_and_is_loaded() -> None:
    assert failed_runs.default_status == dg.DefaultSensorStatus.RUNNING
