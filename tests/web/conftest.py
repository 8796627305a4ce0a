"""A Chromium of the system, and a page of a running server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import open_catalog
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.conftest import new_database
from tests.library import Library

from .site import Site, make_songs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install 'soundalike[dev]'"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--mute-audio", "--autoplay-policy=no-user-gesture-required"),
)
KEY = "a key of a test"


@pytest.fixture(scope="package")
def chromium() -> Iterator["playwright.Browser"]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.skip("no Chromium is installed: `make test-web` installs Debian's")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def songs(
    server_url: str, decoders: Decoders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Library, Settings]]:
    """An ingested collection, which the tests leave as it is."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "music").mkdir()
    make_songs(folder / "music")
    store = ArtifactStore(folder / "data")
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        library = Library(folder / "music", sessions, store, decoders)
        library.ingest()
        library.publish()
        yield library, Settings(DATABASE_URL=url, data=store.root)
        sessions.kw["bind"].dispose()


@pytest.fixture(scope="package")
def site(
    songs: tuple[Library, Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    site = Site(*songs, tmp_path_factory.mktemp("log") / "log")
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="package")
def locked_site(
    songs: tuple[Library, Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    library, settings = songs
    locked = settings.model_copy(update={"api_key": SecretStr(KEY)})
    site = Site(library, locked, tmp_path_factory.mktemp("locked") / "log")
    site.start()
    yield site
    site.stop()


@pytest.fixture
def empty_site(database_url: str, library: Library, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(DATABASE_URL=database_url, data=library.store.root)
    site = Site(library, settings, tmp_path / "log")
    site.start()
    yield site
    site.stop()


OpenPage = Callable[..., "playwright.Page"]


@pytest.fixture
def visit(chromium: "playwright.Browser") -> Iterator[OpenPage]:
    """Open a page of a site in a browser that was never there; errors in it fail the test.

    `before` is done with the page that is still empty.
    """
    contexts, errors = [], []

    def opened(
        site: Site,
        query: str = "",
        *,
        width: int = 1280,
        scheme: str = "light",
        before: Callable[["playwright.Page"], object] | None = None,
    ) -> "playwright.Page":
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console", lambda message: errors.append(message.text) if _is_refusal(message) else None
        )
        if before:
            before(page)
        page.goto(site.url + query)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def _is_refusal(message: "playwright.ConsoleMessage") -> bool:
    """Return whether the policy refused something; requests that fail are the tests' own."""
    return message.type == "error" and "Failed to load resource" not in message.text
