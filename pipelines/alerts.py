"""Alerts: a background run that failed is logged as one line, and told to a webhook if one is set.

SOUNDALIKE_ALERT_URL names the webhook; the forms that it may have are in webhook.py. An alert is
posted once: what cannot be delivered is logged, and never holds up or fails the sensor.
"""

import re
from collections.abc import Sequence

import dagster as dg
import structlog

from pipelines.orphaned_runs import FOREGROUND_TAG
from pipelines.run_errors import reason_of_run
from pipelines.run_tags import has_own_tag
from pipelines.runs import shown_partitions
from pipelines.told import WAITED_TAG
from pipelines.webhook import Alert, WebhookError, post
from soundalike.display_text import printable
from soundalike.logs import configure_logs
from soundalike.settings import Settings, load_settings
from soundalike.tcp_ports import LOOPBACK

TELLING = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
MAX_REASON = 1000  # characters of it
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")

log = structlog.get_logger()


@dg.run_failure_sensor(
    name="failed_runs",
    description="Logs each background run that fails, and tells the webhook that "
    "SOUNDALIKE_ALERT_URL names.",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Logs a failed run, and posts it to the webhook."""
    if has_own_tag(context.dagster_run, FOREGROUND_TAG, WAITED_TAG):
        return  # it was told in the terminal
    settings = load_settings()
    if not structlog.is_configured():  # the code server's process
        configure_logs(settings.lowest_log_level, json=True)
    alert = alert_of(context.instance, context.dagster_run, context.failure_event, settings)
    context.log.error(f"{alert.title}: {alert.reason}")
    log.error(
        "run.failed", message=f"{alert.title}: {alert.reason}", run_id=alert.run_id, job=alert.job
    )
    url = settings.alert_url and settings.alert_url.get_secret_value()
    if not url:
        return
    try:
        post(url, alert)
    except WebhookError as error:
        context.log.warning(f"the alert was not delivered: {error}")
        log.warning("alert.not_delivered", run_id=alert.run_id, cause=str(error))


def alert_of(
    instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEvent, settings: Settings
) -> Alert:
    """Return what is told of the run that `event` says has failed, without any secret."""
    records = instance.get_records_for_run(run.run_id, of_type=TELLING).records
    events = [record.event_log_entry.dagster_event for record in records]
    reason = reason_of_run(event for event in events if event) or event.message or "it failed"
    partitions = shown_partitions(run)
    return Alert(
        title=f"soundalike: {run.job_name} failed" + (f" ({partitions})" if partitions else ""),
        reason=without_secrets(reason, secrets_of(settings))[:MAX_REASON],
        job=run.job_name,
        run_id=run.run_id,
        partitions=partitions,
        url=f"http://{LOOPBACK}:{settings.dagster_port}/runs/{run.run_id}",
    )


def secrets_of(settings: Settings) -> list[str]:
    """Return the values of the settings that no message may have."""
    keys = [key.get_secret_value() for key in (settings.api_key, settings.alert_url) if key]
    return [secret for secret in (settings.database_url, *keys) if secret]


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return the text, each line printable, without the secrets and without URLs' credentials."""
    for secret in secrets:
        text = text.replace(secret, "(hidden)")
    shown = "\n".join(map(printable, text.splitlines()))
    return CREDENTIALS.sub("(hidden)@", shown)


ALERTS = [failed_runs]
