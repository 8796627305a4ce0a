"""The page as a person uses it: find, hear, compare, walk on, keep; by mouse and by keyboard."""

import json
from pathlib import Path
from typing import Any

import pytest

from .actions import DROP, enter_key, open_track, plays, position, search, until
from .conftest import KEY, OpenPage
from .site import HOSTILE, LONG, NAMES, RTL, Site

TRACKS = len(NAMES) + 1


def test_a_track_is_found_heard_and_three_like_it(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    page.locator(f"#list h2[data-count='{TRACKS}']").wait_for()
    search(page, "opus")
    assert page.locator("#rows .row").count() == 1
    open_track(page, "Opus song")
    page.locator("#sheet").get_by_role("button", name="Play", exact=False).first.click()
    plays(page)
    assert "Opus song" in page.title()
    for place in range(3):
        page.locator("#similar .cover").nth(place).click()
        plays(page)
    assert page.locator("#similar .row.playing").count() == 1
    assert "t=" in page.url
    assert "q=opus" in page.url


@pytest.mark.parametrize("title", ["Opus song", "Flac song"])
def test_seeking_goes_on_from_there(site: Site, visit: OpenPage, title: str) -> None:
    page = visit(site)
    page.locator("#rows [data-track]", has_text=title).locator(".cover").click()
    plays(page)
    assert title in page.title()
    wave = page.get_by_role("slider", name="Position in the track")
    box = wave.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    plays(page, beyond=17.5)
    wave.press("Home")
    assert position(page) < 5
    for _ in range(2):
        wave.press("ArrowRight")
    plays(page, beyond=9)


def test_what_the_browser_cannot_play_is_played_as_its_copy(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?q=packed")
    page.locator("#rows .cover").first.click()
    plays(page)
    assert "cannot play wv" in page.locator("#player .problem").inner_text()


@pytest.mark.slow
def test_the_list_goes_on_after_what_was_queued(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    page.locator("#rows .cover").nth(0).click()
    plays(page)
    names = page.locator("#rows .title").all_inner_texts()
    page.locator("#rows .row").nth(4).hover()
    page.locator("#rows .row").nth(4).get_by_role("button", name="to the queue").click()
    playing = page.locator("#player .title")
    for place in (4, 1, 2):
        page.get_by_role("button", name="Next track").click()
        playing.get_by_text(names[place], exact=True).wait_for()
    page.get_by_role("button", name="Queue", exact=True).click()
    assert page.locator("#sheet h2").inner_text() == "Queue"


@pytest.mark.slow
def test_more_and_less_like_change_the_list_and_the_address(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?q=opus")
    open_track(page, "Opus song")
    page.locator("#similar .row").first.get_by_role("button", name="Less like").click()
    page.locator(".chip.not").wait_for()
    page.locator("#similar .row").first.get_by_role("button", name="More like").click()
    page.locator(".chip.like").wait_for()
    assert "not=" in page.url
    assert "like=" in page.url
    again = visit(site, page.url.removeprefix(site.url))
    again.locator(".chip.like").wait_for()
    assert again.locator(".chip.not").inner_text() == page.locator(".chip.not").inner_text()
    page.go_back()
    page.locator(".chip.like").wait_for(state="detached")


@pytest.mark.slow
def test_a_short_list_says_which_rule_to_loosen(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?q=opus&genre=Fado")
    open_track(page, "Opus song")
    before = page.locator("#similar .row").count()
    page.locator(".hidden-by").get_by_role("button", name="Clear the filter").click()
    until(page, f"document.querySelectorAll('#similar .row').length > {before}")
    assert "genre" not in page.url


@pytest.mark.slow
def test_an_empty_list_says_why(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?q=opus&genre=Jazz&years=1900-1901")
    page.get_by_text("Nothing has the words").wait_for()
    page = visit(site, "?years=1900-1901")
    page.get_by_text("No track meets the filter.").wait_for()


def test_a_journey_is_walked_and_kept_as_a_playlist(
    site: Site, visit: OpenPage, tmp_path: Path
) -> None:
    page = visit(site)
    open_track(page, "Opus song")
    page.get_by_role("button", name="Journey", exact=True).click()
    open_track(page, "Other song")
    page.get_by_role("button", name="Lead the journey here").click()
    page.locator(".way .row").first.wait_for()
    names = page.locator(".way .title").all_inner_texts()
    assert names[0].endswith("Opus song")
    assert names[-1].endswith("Other song")
    page.get_by_role("button", name="Play in order").click()
    plays(page)
    page.get_by_role("button", name="Save as playlist").click()
    page.locator(".notice").get_by_role("button").click()
    page.locator("#sheet .name").wait_for()
    for form in ("jspf", "m3u8"):
        with page.expect_download() as download:
            page.get_by_role("button", name=form.upper()).click()
        download.value.save_as(tmp_path / form)
    written = json.loads((tmp_path / "jspf").read_text())["playlist"]["track"]
    assert [f"{place} {each['title']}" for place, each in enumerate(written, 1)] == names
    assert (tmp_path / "m3u8").read_text().count("#EXTINF") == len(names)
    page.reload()
    page.locator("#sheet .name").wait_for()
    assert page.locator("#sheet .title").all_inner_texts() == names


@pytest.mark.slow
def test_a_dropped_file_is_compared(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?show=drop")
    page.set_input_files("input[type=file]", site.library.music / "mp3.mp3")
    page.get_by_text("mp3.mp3 is in the collection.").wait_for()
    page.locator("#sheet .row").first.wait_for()
    page.set_input_files("input[type=file]", site.library.music / "notes.mp3")
    page.locator(".trouble").wait_for()
    page.goto(site.url)
    page.locator("#rows .row").first.wait_for()
    page.evaluate(DROP)
    page.get_by_text("dropped.flac is in the collection.").wait_for()


@pytest.mark.slow
def test_a_failure_is_tried_again(site: Site, visit: OpenPage) -> None:
    page = visit(site, "?show=state")
    page.get_by_text("1 file did not get through").wait_for()
    page.locator(".failures").get_by_role("button", name="Try again").click()
    page.get_by_text("will be tried again within a minute").wait_for()


def test_the_keyboard_is_enough(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    page.locator("#rows .row").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("song")
    page.locator("#list h2", has_text="3 tracks found").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#similar .row").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    plays(page)
    page.keyboard.press("l")
    plays(page, beyond=10)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    page.locator(".chip.not").wait_for()
    page.keyboard.press("q")
    page.locator("#sheet h2", has_text="Queue").wait_for()
    page.keyboard.press("Escape")
    page.locator(".welcome").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    assert page.locator(".welcome").is_visible()


@pytest.mark.parametrize("title", [LONG, RTL, HOSTILE, "🎵🇵🇹 Saudade"])
@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_names_are_text_and_stay_within_the_page(
    site: Site, visit: OpenPage, title: str, width: int
) -> None:
    page = visit(site, width=width)
    page.locator("#rows [data-open]", has_text=title).click()
    page.locator("#sheet h2", has_text=title).wait_for()
    page.locator("#sheet .title-block .cover").click()
    plays(page)
    assert page.title() == f"{title} · soundalike"
    assert page.locator("main img, main script, aside script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_nothing_but_this_server_is_asked(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    open_track(page, "Opus song")
    page.locator("#sheet .title-block .cover").click()
    plays(page)
    page.goto(site.url + "docs")
    page.locator(".swagger-ui .opblock").first.wait_for()
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith((site.url, "data:"))] == []


def test_the_key_is_asked_for_once_and_read_by_no_script(
    locked_site: Site, visit: OpenPage
) -> None:
    page = visit(locked_site)
    dialog = enter_key(page, "wrong")
    dialog.get_by_text("That is not a key of this collection.").wait_for()
    enter_key(page, KEY)
    page.locator(f"#list h2[data-count='{TRACKS}']").wait_for()
    assert dialog.is_hidden()
    page.locator("#rows .cover").first.click()
    plays(page)
    kept = "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
    assert page.evaluate(kept) == "{}{}"
    page.reload()
    page.locator("#rows .row").first.wait_for()
    assert dialog.is_hidden()
    page.goto(locked_site.url + "?show=state")
    page.get_by_role("button", name="Forget the key").click()
    dialog.wait_for()


def test_without_a_map_there_is_the_list(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    page.get_by_text("The map is not drawn yet. It comes by itself; search works.").wait_for()
    page.locator("#rows .row").first.wait_for()
    assert page.locator("#map").is_hidden()


def test_an_empty_collection_says_how_to_begin(empty_site: Site, visit: OpenPage) -> None:
    page = visit(empty_site)
    page.get_by_text("No music yet.").wait_for()
    page.get_by_text("soundalike ingest ~/Music").wait_for()


@pytest.mark.slow
def test_the_song_goes_on_while_the_server_is_killed_and_comes_back(
    songs: Any, visit: OpenPage, tmp_path: Path
) -> None:
    site = Site(*songs, tmp_path / "log")
    site.start()
    try:
        page = visit(site, "?q=flac")
        page.locator("#rows .cover").first.click()
        plays(page)
        site.kill()
        page.get_by_text("soundalike does not answer. Trying again in 5 s.").wait_for()
        assert page.locator("#rows .row").count() > 0
        plays(page, beyond=1)
        site.start()
        page.locator("#banner p").wait_for(state="detached")
        search(page, "opus")
    finally:
        site.stop()
