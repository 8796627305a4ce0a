"""The map as a person uses it: by its colours, by mouse, by keys, and by its address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import open_catalog
from soundalike.maps.draw import draw_map
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.conftest import new_database
from tests.library import Library
from tests.serving.collection import Collection, canonical, numbered

from .actions import Page, eventually, look_at_server, refuse_once, until
from .conftest import OpenPage
from .site import Site
from .test_accessibility import LOOKS, SERIOUS, axe

FADO, JAZZ, UNKNOWN = 20, 15, 5
TRACKS = FADO + JAZZ + UNKNOWN
CLOSE = 200  # the zoom at which one point is far from all others
PREVIEWED = """() => {
  const heard = document.querySelector('audio.preview');
  return heard.paused ? null : heard.currentTime;
}"""
PLAYER = "document.querySelector('audio[src]:not(.preview)')"
# Counts the pixels of a colour of app.css among the points.
COUNT = """name => {
  const canvas = document.querySelector('#map canvas');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
  copy.drawImage(canvas, 0, 0);
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [r, g, b] = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === r && data[at + 1] === g && data[at + 2] === b) found++;
  return found;
}"""


class Mapped:
    """A site with a map of tracks that are made up."""

    def __init__(self, collection: Collection, site: Site, *, drawn: bool = True) -> None:
        """Draw the map of the collection, unless that comes later, and start the site."""
        self.collection, self.site = collection, site
        for genre, count in (("Fado", FADO), ("Jazz", JAZZ), (None, UNKNOWN)):
            facts = {"genre": genre, "genres": [genre]} if genre else {}
            collection.add(
                *({**each, "title": f"{genre} {each['title']}"} | facts for each in numbered(count))
            )
        if drawn:
            self.publish()
        else:
            collection.publish()
        site.start()

    def publish(self) -> None:
        self.collection.publish()
        draw_map(self.collection.sessions, self.collection.store)

    def at_a_track(self) -> tuple[str, str]:
        """A track's title, and the address where it is in the middle of the map."""
        with httpx.Client(base_url=self.site.url) as api:
            about = api.get("/v1/map").json()
            ids = [sorted(self.collection.vectors)[7]]
            body = {"index_version": about["index_version"], "ids": ids}
            [found] = api.post("/v1/tracks/lookup", json=body).json()["items"]
        x, y = found["at"]
        at = f"{x / 32767:.4f},{-y / 32767:.4f},{CLOSE}"
        return found["track"]["title"], f"?at={at}&layout={about['layout']}"


@contextmanager
def mapped_site(
    url: str, folder: Path, decoders: Decoders, *, drawn: bool = True
) -> Iterator[Mapped]:
    store = ArtifactStore(folder / "data")
    sessions = open_catalog(url)
    site = Site(
        Library(folder, sessions, store, decoders),
        Settings(DATABASE_URL=url, data=store.root),
        folder / "log",
    )
    try:
        yield Mapped(Collection(sessions, store), site, drawn=drawn)
    finally:
        site.stop()
        sessions.kw["bind"].dispose()


@pytest.fixture(scope="module")
def mapped(
    server_url: str, decoders: Decoders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapped]:
    with (
        new_database(server_url) as url,
        mapped_site(url, tmp_path_factory.mktemp("map"), decoders) as mapped,
    ):
        yield mapped


def drawn(page: Page, tracks: int = TRACKS) -> Page:
    page.locator(f"#map[data-drawn='{tracks}']").wait_for()
    return page


def middle(page: Page) -> tuple[float, float]:
    box = page.locator(".stage").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_points_have_the_colours_of_the_legend(mapped: Mapped, visit: OpenPage) -> None:
    page = drawn(visit(mapped.site))
    until(page, f"({COUNT})('--c0') > 100 && ({COUNT})('--c1') > 100 && ({COUNT})('--c11') > 20")
    counts = page.locator(".legend .chip small").all_inner_texts()
    assert counts == [str(FADO), str(JAZZ), str(UNKNOWN)]
    page.locator(".legend").get_by_role("button", name="Jazz").click()
    until(page, f"({COUNT})('--c0') === 0 && ({COUNT})('--c1') > 100")


def test_a_click_opens_the_nearest_track(mapped: Mapped, visit: OpenPage) -> None:
    title, query = mapped.at_a_track()
    page = drawn(visit(mapped.site, query))
    x, y = middle(page)
    page.mouse.move(x + 4, y)
    page.locator(".tip", has_text=title).wait_for()
    page.mouse.click(x + 4, y)
    page.locator("#sheet h2", has_text=title).wait_for()
    assert "t=" in page.url
    assert f",{CLOSE}&layout=" in page.url


@pytest.mark.slow
def test_zoom_and_pan_replace_the_address_and_do_not_fill_the_history(
    mapped: Mapped, visit: OpenPage
) -> None:
    page = drawn(visit(mapped.site))
    before = page.evaluate("history.length")
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    until(page, "location.search.includes('at=')")
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=3)
    first = page.url
    page.mouse.up()
    until(page, f"location.href !== {first!r}")
    page.keyboard.press("0")
    until(page, "!location.search.includes('at=')")
    assert page.evaluate("history.length") == before


@pytest.mark.slow
def test_a_preview_on_hover_leaves_the_queue_as_it_is(mapped: Mapped, visit: OpenPage) -> None:
    title, query = mapped.at_a_track()
    canonical(mapped.collection.store, sorted(mapped.collection.vectors)[7], seconds=30.0)
    page = drawn(visit(mapped.site, query))
    x, y = middle(page)
    page.mouse.move(x + 4, y)
    page.locator(".tip", has_text=title).wait_for()
    hear = page.get_by_role("button", name="Preview on hover")
    assert page.evaluate(PREVIEWED) is None
    hear.click()
    page.mouse.move(x + 4, y)
    until(page, f"({PREVIEWED})() > 0.1")
    assert page.locator("#player").is_hidden(), "nothing is queued or played by it"
    page.mouse.click(x + 4, y)
    page.locator("#sheet h2", has_text=title).wait_for()
    page.locator("#sheet .title-block .cover").click()
    until(page, f"({PREVIEWED})() === null && !({PLAYER}).paused && ({PLAYER}).currentTime > 0.1")
    x, y = middle(page)
    page.mouse.move(x + 4, y)
    until(page, f"({PREVIEWED})() > 0.1 && ({PLAYER}).paused")
    page.mouse.move(x, y + 150)
    until(page, f"({PREVIEWED})() === null && !({PLAYER}).paused")
    hear.click()
    assert hear.get_attribute("aria-pressed") == "false"


def test_keys_walk_from_track_to_track(mapped: Mapped, visit: OpenPage) -> None:
    page = drawn(visit(mapped.site))
    names = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        heard = page.locator("#say").inner_text()
        page.keyboard.press(key)
        until(page, f"document.getElementById('say').textContent !== {heard!r}")
        names.append(page.locator("#say").inner_text())
    assert len(set(names)) > 1
    page.keyboard.press("Enter")
    page.locator("#sheet h2", has_text=names[-1]).wait_for()


@pytest.mark.slow
def test_what_is_drawn_around_is_a_list(mapped: Mapped, visit: OpenPage) -> None:
    page = drawn(visit(mapped.site))
    page.get_by_role("button", name="Draw around tracks").click()
    box = page.locator(".stage").bounding_box()
    left, top = box["x"] + 3, box["y"] + 3
    right, bottom = left + box["width"] - 8, top + box["height"] - 8
    page.mouse.move(left, bottom)
    page.mouse.down()
    for x, y in ((left, top), (right, top), (right, bottom)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    page.locator("#sheet h2", has_text="Drawn around").wait_for()
    until(page, f"document.querySelectorAll('#sheet .row').length === {TRACKS}")
    page.get_by_role("button", name="Save as playlist").click()
    page.get_by_text("Saved as").wait_for()


@pytest.mark.slow
def test_colours_are_steps_of_the_address(mapped: Mapped, visit: OpenPage) -> None:
    page = drawn(visit(mapped.site))
    page.get_by_role("combobox", name="Colour").select_option("tag")
    until(page, "location.search.includes('colour=tag')")
    page.locator(".legend", has_text="acoustic").wait_for()
    assert "Fado" not in page.locator(".legend").inner_text()
    page.go_back()
    page.locator(".legend", has_text="Fado").wait_for()


@pytest.mark.slow
def test_the_list_has_the_same_tracks(mapped: Mapped, visit: OpenPage) -> None:
    page = drawn(visit(mapped.site))
    page.get_by_role("button", name="List", exact=True).click()
    assert page.locator("#rows .row").count() == TRACKS
    page.get_by_role("button", name="Map", exact=True).click()
    page.locator(".stage").wait_for()
    page.get_by_role("searchbox").fill("fado")
    page.locator("#list h2", has_text=f"{FADO} tracks found").wait_for()


@pytest.mark.slow
def test_a_new_index_does_not_move_the_map(
    database_url: str, decoders: Decoders, tmp_path: Path, visit: OpenPage
) -> None:
    with mapped_site(database_url, tmp_path, decoders) as mapped:
        _, query = mapped.at_a_track()
        page = drawn(visit(mapped.site, query))
        page.locator(".status[data-state]").wait_for()
        mapped.collection.add(*numbered(2))
        mapped.publish()
        page.locator("#banner").get_by_text("2 new tracks").wait_for()
        assert page.locator("#map").get_attribute("data-drawn") == str(TRACKS)
        before = page.url
        page.locator("#banner").get_by_role("button", name="Show").click()
        drawn(page, TRACKS + 2)
        assert page.url == before


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_serious_on_the_map(
    mapped: Mapped, visit: OpenPage, scheme: str, width: int
) -> None:
    page = drawn(visit(mapped.site, width=width, scheme=scheme))
    page.locator(".legend").evaluate("each => { each.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_timeout(500)
    response = axe.Axe().run(page).response
    serious = [each for each in response["violations"] if each["impact"] in SERIOUS]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in serious] == []
    assert len(response["passes"]) > 15, "rules that were looked at"


@pytest.mark.slow
def test_points_that_another_worker_colours_otherwise_are_asked_for_again(
    mapped: Mapped, visit: OpenPage
) -> None:
    """A worker that knows of a retag a moment earlier has other numbers for the categories."""
    refused: list[str] = []

    drawn(
        visit(
            mapped.site,
            before=lambda page: refuse_once(page, "**/points?*", 409, "index-changed", refused),
        )
    )
    assert len(refused) == 1
    assert "&colouring=" in refused[0]


@pytest.mark.slow
def test_a_slow_line_gets_the_map_all_the_same(
    database_url: str, decoders: Decoders, tmp_path: Path, visit: OpenPage
) -> None:
    held: list[Any] = []

    def hold(page: Page) -> None:
        page.route("**/points?*", lambda route: held.append(route))  # noqa: PLW0108

    with mapped_site(database_url, tmp_path, decoders, drawn=False) as mapped:
        page = visit(mapped.site, before=hold)
        page.get_by_text("The map is not drawn yet. It comes by itself; search works.").wait_for()
        draw_map(mapped.collection.sessions, mapped.collection.store)
        look_at_server(page)
        eventually(page, lambda: len(held) > 0)
        for _ in range(2):
            with page.expect_response("**/v1/pipeline"):
                look_at_server(page)
        assert len(held) == 1, "the first load goes on"
        held[0].continue_()
        page.get_by_role("button", name="Map", exact=True).wait_for()
        page.get_by_role("button", name="Map", exact=True).click()
        drawn(page)


def test_a_fault_in_the_worker_is_said_and_there_is_the_list(
    mapped: Mapped, visit: OpenPage
) -> None:
    def damage(page: Page) -> None:
        page.route("**/points?*", lambda route: route.fulfill(body=b"odd"))

    page = visit(mapped.site, before=damage)
    page.get_by_text("The map cannot be drawn in this browser:").wait_for()
    page.locator("#rows .row").first.wait_for()
    assert page.locator("#map").is_hidden()


@pytest.mark.slow
def test_a_worker_that_does_not_load_is_said(mapped: Mapped, visit: OpenPage) -> None:
    def block(page: Page) -> None:
        page.context.route("**/web/map/grid.js", lambda route: route.abort())

    page = visit(mapped.site, before=block)
    page.get_by_text("The map cannot be drawn in this browser:").wait_for()
    page.locator("#rows .row").first.wait_for()


@pytest.mark.slow
def test_colours_are_chosen_of_the_map_that_is_shown(
    database_url: str, decoders: Decoders, tmp_path: Path, visit: OpenPage
) -> None:
    with mapped_site(database_url, tmp_path, decoders) as mapped:
        page = drawn(visit(mapped.site))
        page.locator(".status[data-state]").wait_for()
        legend = page.locator(".legend")
        legend.get_by_role("button", name="Jazz").click()
        mapped.collection.add(*numbered(3, genre="Jazz", genres=["Jazz"], year=1999))
        mapped.publish()
        page.locator("#banner").get_by_text("3 new tracks").wait_for()
        colour = page.get_by_role("combobox", name="Colour")
        colour.select_option("tag")
        page.locator(".notice", has_text="Your map has changed.").wait_for()
        assert legend.locator(".chip small").all_inner_texts() == [str(FADO), str(JAZZ), "5"]
        assert colour.input_value() == "genre"
        page.locator(".notice").get_by_role("button", name="Show").click()
        drawn(page, TRACKS + 3)
        legend.locator(".chip", has_text="acoustic").wait_for()
        colour.select_option("genre")
        legend.locator(".chip", has_text=f"Jazz{JAZZ + 3}").wait_for()
