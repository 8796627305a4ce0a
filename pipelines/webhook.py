"""A webhook that alerts are posted to, in the form that its host understands.

- Slack's (`{"text": ...}`; also Mattermost's, Rocket.Chat's and Discord's under `/slack`): the host
  is hooks.slack.com, or the path ends with `/slack`.
- ntfy's (a text with a title): the host is ntfy.sh, or a part of its name is `ntfy`.
- Plain JSON, an object with the alert's fields: any other.

A URL that ends with `#slack`, `#ntfy` or `#json` chooses by itself; that part is never sent. The
URL is a secret: messages name its host alone.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import httpx2

from soundalike.time_limits import within

Form = Literal["slack", "ntfy", "json"]
TIMEOUT_SECONDS = 5.0  # of each post, whatever hangs; a tick has a minute and posts five at most
AGENT = "soundalike"


@dataclass(frozen=True)
class Alert:
    """A message about a failed run. `url` leads to the run; `partitions` are empty for no batch."""

    title: str
    reason: str
    job: str
    run_id: str
    partitions: str
    url: str


class WebhookError(Exception):
    """The alert could not be delivered. The message names the host and the cause, not the URL."""


def form_of(url: str) -> Form:
    """Return the form that the webhook at this URL takes."""
    parts = urlsplit(url)
    forms: tuple[Form, ...] = get_args(Form)
    chosen = next((form for form in forms if form == parts.fragment), None)
    if chosen:
        return chosen
    host = parts.hostname or ""
    if host == "hooks.slack.com" or parts.path.rstrip("/").endswith("/slack"):
        return "slack"
    return "ntfy" if "ntfy" in host.split(".") else "json"


def post(url: str, alert: Alert) -> None:
    """Post the alert, once. Raises WebhookError after TIMEOUT_SECONDS, or if it is refused."""
    target = urlsplit(url)._replace(fragment="").geturl()
    content = CONTENT[form_of(url)](alert)

    def send() -> httpx2.Response:
        return httpx2.post(target, timeout=TIMEOUT_SECONDS, **content)

    host = urlsplit(url).hostname
    try:
        response = within(TIMEOUT_SECONDS, send)
    except TimeoutError as error:
        raise WebhookError(f"{host}: no answer within {TIMEOUT_SECONDS:g} seconds") from error
    except Exception as error:  # its text may have the URL
        raise WebhookError(f"{host}: {type(error).__name__}") from None
    if not response.is_success:
        raise WebhookError(f"{host}: answers {response.status_code}")


def _slack(alert: Alert) -> dict[str, Any]:
    text = f"*{_mrkdwn(alert.title)}*\n{_mrkdwn(alert.reason)}\n<{alert.url}|run {alert.run_id}>"
    return {"json": {"text": text}, "headers": {"User-Agent": AGENT}}


def _mrkdwn(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ntfy(alert: Alert) -> dict[str, Any]:
    title = alert.title.encode("ascii", "replace").decode()  # headers are ASCII
    headers = {"Title": title, "Tags": "warning", "Click": alert.url, "User-Agent": AGENT}
    return {"content": f"{alert.reason}\n{alert.url}".encode(), "headers": headers}


def _json(alert: Alert) -> dict[str, Any]:
    return {"json": asdict(alert), "headers": {"User-Agent": AGENT}}


CONTENT = {"slack": _slack, "ntfy": _ntfy, "json": _json}
