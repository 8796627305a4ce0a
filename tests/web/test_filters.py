"""Filters, for the list and for what is like a track or a dropped file."""

from pathlib import Path

import pytest

from soundalike.ingest.roots import register_roots
from tests.library import Library
from tests.sounds import song

from .actions import DROP, Page, until
from .conftest import OpenPage
from .site import Site

pytestmark = pytest.mark.slow


def test_folders_of_the_same_name_are_of_their_roots(
    library: Library, empty_site: Site, visit: OpenPage, tmp_path: Path
) -> None:
    roots = [tmp_path / "a" / "old", tmp_path / "b" / "new"]
    for number, root in enumerate(roots):
        (root / "Jazz").mkdir(parents=True)
        for seed in range(number + 1):
            title = f"{root.name} {seed}"
            song(root / "Jazz" / f"{seed}.flac", 2.0, 10 * number + seed, title=title)
    register_roots(library.sessions, [str(each) for each in roots])
    library.ingest()
    library.publish()
    page = visit(empty_site)
    page.locator("#rows .row").nth(2).wait_for()
    page.locator(".filter summary").click()
    page.get_by_role("button", name="old / Jazz").click()
    page.locator("#list h2", has_text="1 track found").wait_for()
    assert page.locator("#rows .title").all_inner_texts() == ["old 0"]
    assert page.locator(".filter [aria-pressed=true]").count() == 1
    assert "root=old&folder=Jazz" in page.url
    page.get_by_role("button", name="new / Jazz").click()
    page.locator("#list h2", has_text="2 tracks found").wait_for()
    again = visit(empty_site, page.url.removeprefix(empty_site.url))
    again.locator("#list h2", has_text="2 tracks found").wait_for()
    again.locator("#rows [data-open]").first.click()
    again.locator("#similar .row").first.wait_for()
    found = again.locator("#similar .words .title").all_inner_texts()
    assert len(found) == 1
    assert "new" in found[0]


def shown(page: Page) -> list[str]:
    return [str(each) for each in page.locator("#similar .words .title").all_inner_texts()]


def test_a_dropped_file_is_sent_once_and_then_filtered(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    page.locator("#rows .row").first.wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate(DROP)
    page.get_by_text("dropped.flac is in the collection.").wait_for()
    page.locator("#similar .row").first.wait_for()
    before = shown(page)
    page.locator(".filter summary").click()
    page.locator(".filter").get_by_role("button", name="Jazz").click()
    page.get_by_role("button", name="Clear the filter").first.wait_for()
    until(page, f"document.querySelectorAll('#similar .row').length < {len(before)}")
    assert len(shown(page)) == 1
    page.locator(".filter").get_by_role("button", name="Jazz").click()
    until(page, f"document.querySelectorAll('#similar .row').length === {len(before)}")
    page.locator("#similar").get_by_label("One track an artist").uncheck()
    until(page, "location.search.includes('apart=0')")
    page.locator("#similar").get_by_role("button", name="Less like").first.click()
    page.locator(".chip.not").wait_for()
    assert len([url for url in sent if "/v1/search/audio" in url]) == 1
