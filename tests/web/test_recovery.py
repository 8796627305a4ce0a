"""What the page shows once something is there that was not: a key, a server, music, sound."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from soundalike.catalog.api_keys import add_key
from soundalike.maps.draw import draw_map
from soundalike.settings import Settings
from tests.library import Library
from tests.sounds import song

from .actions import enter_key, look_at_server, open_track, plays, refuse_once, search
from .conftest import KEY, OpenPage
from .site import Site

pytestmark = pytest.mark.slow


def ids_of(site: Site, *titles: str) -> list[str]:
    headers = {"X-API-Key": KEY} if site.settings.api_key else {}
    with httpx.Client(base_url=site.url, headers=headers) as api:
        items = api.get("/v1/tracks").json()["items"]
    found = {each["title"]: each["id"] for each in items}
    return [found[title] for title in titles]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?t={opus}", "#similar .row"),
        ("?from={opus}&to={other}", ".way .row"),
        ("?show=state", ".failures li"),
        ("", ".welcome .row"),
    ],
)
def test_what_a_link_means_is_there_after_the_key(
    locked_site: Site, visit: OpenPage, query: str, shown: str
) -> None:
    opus, other = ids_of(locked_site, "Opus song", "Other song")
    page = visit(locked_site, query.format(opus=opus, other=other))
    enter_key(page, KEY)
    page.locator(shown).first.wait_for()
    page.locator("#rows .row").first.wait_for(state="attached")
    assert page.locator(".trouble").count() == 0


def test_all_that_did_not_load_loads_when_the_server_answers_again(
    songs: Any, visit: OpenPage, tmp_path: Path
) -> None:
    site = Site(*songs, tmp_path / "log")
    site.start()
    try:
        page = visit(site)
        open_track(page, "Opus song")
        site.stop()
        page.locator("#rows [data-open]", has_text="Other song").first.click()
        page.locator("#sheet .trouble", has_text="Trying again in 5 s.").wait_for()
        page.locator("#rows .cover").first.click()
        page.get_by_role("searchbox").fill("rui")
        page.locator("#list .trouble", has_text="Trying again in 5 s.").wait_for()
        site.start()
        look_at_server(page)
        page.locator("#similar .row").first.wait_for()
        page.locator("#sheet h2", has_text="Other song").wait_for()
        page.locator("#list h2", has_text="1 track found").wait_for()
        page.locator("#banner p").wait_for(state="detached")
        assert page.locator(".trouble").count() == 0
        plays(page)
    finally:
        site.stop()


def test_the_first_music_appears_by_itself(
    library: Library, empty_site: Site, visit: OpenPage
) -> None:
    page = visit(empty_site)
    page.get_by_text("No music yet.").wait_for()
    page.locator(".status[data-state]").wait_for()
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed, title=f"Song {seed}")
    library.ingest()
    look_at_server(page)
    page.locator("#rows .row").nth(2).wait_for()
    page.get_by_role("button", name="Surprise me").wait_for()
    library.publish()
    draw_map(library.sessions, library.store)
    look_at_server(page)
    page.locator(".notice", has_text="The map is drawn.").get_by_role("button").click()
    page.locator("#map[data-drawn='3']").wait_for()


def test_a_track_that_was_opened_before_the_first_index_is_compared_with_it(
    library: Library, empty_site: Site, visit: OpenPage
) -> None:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed, title=f"Song {seed}")
    library.ingest()
    page = visit(empty_site)
    page.locator("#rows [data-open]").first.click()
    page.locator("#sheet h2", has_text="Song 0").wait_for()
    page.locator("#similar .trouble").wait_for()
    page.locator(".status[data-state]").wait_for()
    library.publish()
    look_at_server(page)
    page.locator("#similar .row").first.wait_for()
    assert page.locator(".trouble").count() == 0


def test_what_plays_waits_for_the_key_and_is_no_copy(locked_site: Site, visit: OpenPage) -> None:
    page = visit(locked_site)
    dialog = enter_key(page, KEY)
    page.locator("#rows .row").first.wait_for()
    page.context.clear_cookies()
    page.locator("#rows [data-track]", has_text="Flac song").locator(".cover").dispatch_event(
        "click"
    )
    dialog.wait_for()
    enter_key(page, KEY)
    plays(page)
    assert page.locator("#player .problem").is_hidden()
    assert "as=original" in page.evaluate("document.querySelector('audio[src]').src")


@pytest.mark.parametrize("status", [404, 503])
def test_what_the_server_refuses_is_said_and_not_asked_for_as_a_copy(
    site: Site, visit: OpenPage, status: int
) -> None:
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        problem = {"type": "urn:soundalike:problem:unknown-track", "detail": "it is away for now"}
        route.fulfill(status=status, json=problem, content_type="application/problem+json")

    page = visit(site, before=lambda page: page.route("**/audio?as=*", refuse))
    cover = page.locator("#rows .cover").first
    cover.click()
    page.locator("#player .problem", has_text="It is away for now.").wait_for()
    assert asked
    assert [url for url in asked if "as=flac" in url] == []
    page.unroute_all()
    page.locator("#player").get_by_role("button", name="Play", exact=True).click()
    plays(page)
    assert page.locator("#player .problem").is_hidden()


def test_an_original_that_went_away_is_played_as_its_copy(site: Site, visit: OpenPage) -> None:
    page = visit(site)
    search(page, "opus")
    file = site.library.music / "opus.opus"
    away = file.rename(file.with_suffix(".away"))
    try:
        page.locator("#rows .cover").first.click()
        plays(page)
        page.locator("#player .problem", has_text="cannot be read now").wait_for()
    finally:
        away.rename(file)


def test_a_key_that_may_only_read_sees_failures_and_no_way_to_try_again(
    library: Library, database_url: str, visit: OpenPage, tmp_path: Path
) -> None:
    (library.music / "notes.mp3").write_text("words " * 100)
    library.ingest()
    with library.sessions.begin() as session:
        keys = {scope: add_key(session, scope, scope) for scope in ("read", "admin")}
    settings = Settings(DATABASE_URL=database_url, data=library.store.root)
    site = Site(library, settings, tmp_path / "log")
    site.start()
    try:
        page = visit(site, "?show=state")
        enter_key(page, keys["read"])
        page.get_by_text("The key of this browser may read only").wait_for()
        page.locator(".failures li", has_text="notes.mp3").wait_for()
        assert page.get_by_role("button", name="Try").count() == 0
        page.get_by_role("button", name="Forget the key").click()
        enter_key(page, keys["admin"])
        page.locator(".failures").get_by_role("button", name="Try again").wait_for()
        assert page.get_by_text("may read only").count() == 0
    finally:
        site.stop()


def test_a_waveform_that_did_not_load_is_asked_for_again(site: Site, visit: OpenPage) -> None:
    refused: list[str] = []

    page = visit(
        site, before=lambda page: refuse_once(page, "**/peaks?*", 503, "overloaded", refused)
    )
    search(page, "flac song")
    with page.expect_response(lambda answer: "/peaks" in answer.url and answer.ok):
        page.locator("#rows .cover").first.click()
        plays(page, beyond=1)
    assert len(refused) == 1
