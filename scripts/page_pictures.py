"""Pictures of the page over a running instance, for README.md and docs/page.md."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

COLOURS = 200
PLAYED_MS = 7000  # so that the player is on its way
WIDE, NARROW = (1280, 800), (390, 780)


def take_pictures(browser: Browser, address: str, folder: Path) -> Iterator[Path]:
    """Write page.png, page-dark.png and page-narrow.png; yield each."""
    [first, *_, last] = _tracks(address)
    track, journey = f"?t={first}", f"?from={first}&to={last}&steps=8"
    yield _picture(browser, address + track, folder / "page.png", WIDE, "light")
    yield _picture(browser, address + journey, folder / "page-dark.png", WIDE, "dark")
    yield _picture(browser, address + track, folder / "page-narrow.png", NARROW, "light")


def _tracks(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}v1/tracks?limit=200") as answer:
        page: dict[str, Any] = json.load(answer)
    return [track["id"] for track in page["items"]]


def _picture(browser: Browser, url: str, file: Path, size: tuple[int, int], scheme: Any) -> Path:  # noqa: ANN401 - playwright's literal
    width, height = size
    page: Page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1.5
    )
    page.goto(url)
    page.locator("#sheet .rows .row").nth(2).wait_for()
    page.locator("#sheet .rows .cover").nth(1).click()
    page.wait_for_timeout(PLAYED_MS)
    page.mouse.move(0, 0)
    page.screenshot(path=file)
    page.close()
    return file
