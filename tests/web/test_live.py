"""What the server does is seen while the page is open: by its events, or else by asking."""

from pathlib import Path
from typing import Any

import pytest

from soundalike.settings import Settings
from tests.library import Library
from tests.sounds import song

from .actions import Page, eventually
from .conftest import OpenPage
from .site import Site

pytestmark = pytest.mark.slow

# Keeps the page's streams, and says which of them are open.
COUNT_STREAMS = """
  const Real = EventSource, made = [];
  window.EventSource = class extends Real { constructor(url) { super(url); made.push(this); } };
  window.open = () => made.filter(each => each.readyState === Real.OPEN).map(each => each.url);
"""
HIDE = """() => {
  Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def refuse_events(page: Page) -> None:
    page.route("**/v1/events", lambda route: route.fulfill(status=503))


@pytest.mark.parametrize("has_events", [True, False])
def test_a_new_index_is_shown_when_asked_for(
    library: Library, database_url: str, visit: OpenPage, tmp_path: Path, has_events: bool
) -> None:
    for seed in range(2):
        song(library.music / f"{seed}.flac", seed=seed, title=f"Song {seed}")
    library.ingest()
    library.publish()
    settings = Settings(DATABASE_URL=database_url, data=library.store.root)
    site = Site(library, settings, tmp_path / "log")
    site.start()
    try:
        page = visit(site, before=None if has_events else refuse_events)
        page.locator("#rows .row").nth(1).wait_for()
        page.locator(".status[data-state]").wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        song(library.music / "2.flac", seed=2, title="Song 2")
        library.ingest()
        library.publish()
        page.get_by_text("Your collection has one new track.").wait_for()
        assert any("/v1/pipeline" in url for url in asked) != has_events
        assert page.locator("#rows .row").count() == 2
        page.locator("#banner").get_by_role("button", name="Show").click()
        page.locator("#rows .row").nth(2).wait_for()
        page.locator("#banner p").wait_for(state="detached")
    finally:
        site.stop()


def test_a_page_that_is_hidden_holds_no_connection(site: Site, visit: OpenPage) -> None:
    page = visit(site, before=lambda page: page.add_init_script(COUNT_STREAMS))
    eventually(page, lambda: page.evaluate("open().length") == 1)
    page.evaluate(HIDE)
    eventually(page, lambda: page.evaluate("open().length") == 0)


def test_a_server_that_has_no_place_for_one_more_is_asked(site: Site, visit: OpenPage) -> None:
    asked: list[Any] = []
    page = visit(site, before=refuse_events)
    page.locator(".status[data-state]").wait_for()
    page.on("request", lambda request: asked.append(request.url))
    eventually(page, lambda: sum("/v1/pipeline" in url for url in asked) >= 1)
    assert [url for url in asked if "/v1/events" in url] == []
