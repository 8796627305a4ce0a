"""Visits to the page: when it is useful, and what is sent until then."""

import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

VISITS = 7
NOTE_PAINTS = """addEventListener('DOMContentLoaded', () => {
  window.painted = {};
  const wanted = {points: '#map[data-drawn]', welcome: '.welcome .row'};
  new MutationObserver(() => {
    for (const [name, selector] of Object.entries(wanted))
      if (document.querySelector(selector)) painted[name] ??= performance.now();
  }).observe(document, {subtree: true, childList: true, attributes: true});
});"""
# What was sent; what the browser had already is asked for once more, and has no body then.
SENT = """() => performance.getEntries()
  .filter(each => each.encodedBodySize && each.transferSize > each.encodedBodySize)
  .map(each => [new URL(each.name).pathname, each.encodedBodySize])"""


def visits(browser: Browser, address: str) -> dict[str, Any]:
    """Open the page in one new context after another; return seconds, and bytes by kind."""
    painted: list[dict[str, float]] = []
    for _ in range(1 + VISITS):
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.add_init_script(NOTE_PAINTS)
        page.goto(address)
        page.locator("#map[data-drawn]").wait_for(timeout=120_000)
        page.locator(".welcome .row").first.wait_for()
        painted.append(page.evaluate("painted"))
        sent = page.evaluate(SENT)
        page.context.close()
    cold, *warm = painted
    bytes_by_kind: dict[str, int] = {}
    for path, size in sent:
        kind = "points" if path.endswith("/points") else Path(path).suffix[1:] or "html"
        kind = "json" if path.startswith("/v1/") and kind == "html" else kind
        bytes_by_kind[kind] = bytes_by_kind.get(kind, 0) + size
    seconds = {
        "first_useful_paint_s": statistics.median(each["points"] for each in warm) / 1000,
        "first_useful_paint_cold_s": cold["points"] / 1000,
        "welcome_s": statistics.median(each["welcome"] for each in warm) / 1000,
    }
    rounded = {key: round(value, 2) for key, value in seconds.items()}
    return rounded | {"requests": len(sent), "wire_bytes": bytes_by_kind}
