"""What a person does on the page, and waits for: conditions, never times."""

import time
from collections.abc import Callable
from typing import Any

from tests.patience import PATIENCE

Page = Any  # of playwright, which may be missing
SOUNDS = (
    "[...document.querySelectorAll('audio')].some(each => !each.paused && each.currentTime > {})"
)
# Drops the first track's own audio, as a person would a file.
DROP = """async () => {
  const id = document.querySelector('#rows [data-open]').dataset.open;
  const audio = await (await fetch(`v1/tracks/${id}/audio?as=original`)).blob();
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([audio], 'dropped.flac'));
  dispatchEvent(new DragEvent('drop', {dataTransfer, cancelable: true}));
}"""


def eventually(page: Page, is_true: Callable[[], Any], what: str = "") -> None:
    """Wait for it to be true, while the page works on."""
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, what
        page.wait_for_timeout(50)


def until(page: Page, expression: str) -> None:
    """Wait for it to be true. Playwright's own way to wait needs `eval`, which the policy bans."""
    eventually(page, lambda: page.evaluate(expression), expression)


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").fill(words)
    page.locator("#list h2", has_text="found").wait_for()


def open_track(page: Page, title: str) -> None:
    page.locator("#rows [data-open]", has_text=title).first.click()
    page.locator("#sheet h2", has_text=title).wait_for()
    page.locator("#similar .row").first.wait_for()


def plays(page: Page, beyond: float = 0.2) -> None:
    until(page, SOUNDS.format(beyond))


def position(page: Page) -> float:
    return float(
        page.get_by_role("slider", name="Position in the track").get_attribute("aria-valuenow")
    )


def enter_key(page: Page, key: str) -> Any:
    dialog = page.get_by_role("dialog", name="This collection asks for a key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button").click()
    return dialog


def look_at_server(page: Page) -> None:
    """Have the page ask the server how it is, as it does every few seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def refuse_once(page: Page, pattern: str, status: int, kind: str, refused: list[str]) -> None:
    """Answer the first request of such a URL with a problem; `refused` gets the URL."""

    def answer(route: Any) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        problem = {"type": f"urn:soundalike:problem:{kind}", "detail": "not now"}
        route.fulfill(status=status, json=problem, content_type="application/problem+json")

    page.route(pattern, answer)
