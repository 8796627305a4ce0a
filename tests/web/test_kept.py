"""What the browser keeps: playlists whose tracks are away, and no storage at all."""

import json
from typing import Any

import pytest

from .actions import open_track
from .conftest import OpenPage
from .site import Site
from .test_recovery import ids_of

pytestmark = pytest.mark.slow

AWAY = "0123456789abcdef0123456789abcdef"
BLOCKED = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('The operation is insecure.', 'SecurityError'); },
})"""
FULL = """() => {
  for (let size = 2 ** 20; size; size = size > 1 ? size >> 1 : 0)
    for (;;)
      try { localStorage.other = (localStorage.other ?? '') + 'x'.repeat(size); }
      catch { break; }
}"""


def keep_list(page: Any, ids: list[str]) -> None:
    lists = [{"id": "mine", "name": "Mine", "tracks": ids, "changed_at": "2026-01-01T00:00:00Z"}]
    page.add_init_script(
        "if (!localStorage.getItem('soundalike.playlists'))"
        f"localStorage.setItem('soundalike.playlists', {json.dumps(json.dumps(lists))})"
    )


def kept_ids(page: Any) -> list[str]:
    [found] = json.loads(page.evaluate("localStorage.getItem('soundalike.playlists')"))
    return list(found["tracks"])


def test_a_playlist_keeps_tracks_that_are_away(site: Site, visit: OpenPage) -> None:
    opus, flac, other = ids_of(site, "Opus song", "Flac song", "Other song")
    ids = [opus, AWAY, flac, other]
    page = visit(site, "?list=mine", before=lambda page: keep_list(page, ids))
    page.get_by_text("1 track of it is not in the collection now").wait_for()
    page.get_by_label("Name of the playlist").fill("Yours")
    page.get_by_role("button", name="Move Flac song").click()
    page.locator("#sheet .row").first.get_by_text("Flac song").wait_for()
    assert kept_ids(page) == [flac, opus, AWAY, other]
    assert page.get_by_label("Name of the playlist").input_value() == "Yours"
    page.get_by_role("button", name="Take Other song").click()
    page.locator("#sheet .row").nth(2).wait_for(state="detached")
    assert kept_ids(page) == [flac, opus, AWAY]


def test_the_page_works_where_nothing_may_be_kept(site: Site, visit: OpenPage) -> None:
    page = visit(site, before=lambda page: page.add_init_script(BLOCKED))
    open_track(page, "Opus song")
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_role("checkbox").uncheck()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.locator("#similar").get_by_role("button", name="Save as playlist").click()
    page.locator(".notice", has_text="This browser does not keep it").wait_for()
    page.get_by_role("button", name="Playlists").click()
    page.get_by_text("No playlist yet.").wait_for()


@pytest.mark.parametrize("value", ["null", "no JSON", '"a word"'])
def test_what_somebody_else_wrote_is_no_playlist(site: Site, visit: OpenPage, value: str) -> None:
    script = f"localStorage.setItem('soundalike.playlists', {json.dumps(value)})"
    page = visit(site, "?show=lists", before=lambda page: page.add_init_script(script))
    page.get_by_text("No playlist yet.").wait_for()


def test_a_full_storage_is_said(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    open_track(page, "Opus song")
    page.evaluate(FULL)
    page.locator("#similar").get_by_role("button", name="Save as playlist").click()
    page.locator(".notice", has_text="its storage is full").wait_for()
