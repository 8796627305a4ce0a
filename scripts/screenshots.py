"""Takes pictures of the page and the Dagster UI over a real instance, for README.md and docs.

    python scripts/screenshots.py .venv/bin/soundalike docs/images

The demo music is ingested in a temporary data root and served by `soundalike up` on free ports; a
Chromium that is installed visits the pages. Needs playwright and pillow (`make screenshots`).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from demo_instance import PARTITIONS, InstanceError, ask, serving, until
from page_pictures import COLOURS as PAGE_COLOURS
from page_pictures import take_pictures
from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZE = (1280, 800)
WIDE = (1900, 420)  # the whole lineage with each asset's state
COLOURS = 128  # of the palette: a page is flat
PAGE_SECONDS = 120
SETTLE_MS = 4000  # charts and lines are drawn after their data are there
GROUPS = ("ingest", "index")
BACKFILL = """mutation ($keys: [String!]!) { launchPartitionBackfill(backfillParams: {
  partitionNames: $keys, assetSelection: [{path: ["embeddings"]}], title: "embed again"
}) { __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
DONE = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } } }"""
RUNS = """query { runsOrError(filter: {pipelineName: "ingest_batch"}, limit: 1) {
  ... on Runs { results { runId } } } }"""
TICKS = """query ($sensor: String!) { sensorOrError(sensorSelector: {sensorName: $sensor,
  repositoryName: "__repository__", repositoryLocationName: "soundalike"}) {
  ... on Sensor { sensorState { ticks(limit: 3) { status skipReason } } } } }"""


@dataclass(frozen=True)
class Shot:
    """A page of the UI. `ready`: text that is there once it is; `act`: what is clicked then."""

    name: str
    path: str
    ready: str
    act: Callable[[Page], None] = lambda _: None
    size: tuple[int, int] = SIZE


def main(command: str, folder: str) -> str | None:
    """Write page*.png and dagster-*.png into the folder; return an error message or None."""
    browser_path = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if not browser_path:
        return f"none of {', '.join(BROWSERS)} is installed; install one, or name it in CHROMIUM"
    try:
        with tempfile.TemporaryDirectory(prefix="soundalike-") as name:
            Path(name).chmod(0o755)  # root's private PostgreSQL runs as another user
            with serving(Path(command), Path(name)) as (ui, api), sync_playwright() as playwright:
                options = list(BROWSER_OPTIONS)
                browser = playwright.chromium.launch(executable_path=browser_path, args=options)
                for file in take_pictures(browser, api, Path(folder)):
                    print(shrunk(file, PAGE_COLOURS), flush=True)
                for shot in shots(ui):
                    print(take(browser, ui, shot, Path(folder)), flush=True)
                browser.close()
    except InstanceError as error:
        return str(error)
    return None


def shots(ui: str) -> Iterator[Shot]:
    """Yield the pages; between them a backfill is run, which leaves its numbers on the assets."""
    keys, run = ask(ui, PARTITIONS)["assetNodeOrError"]["partitionKeys"], latest_run(ui)
    expanded = ",".join(f"global@global:{group}" for group in GROUPS)
    until(lambda: skipped(ui, "sealed_batches"), "no tick of sealed_batches was skipped")
    yield Shot("lineage", f"/asset-groups?expanded={expanded}", "published_index", hide_sides, WIDE)
    yield Shot("asset", "/assets/embeddings", "times_real_time")
    yield Shot("plots", "/assets/embeddings", "Plots", click("Plots"))
    yield Shot("checks", "/assets/faiss_index?view=checks", "valid_index")
    yield Shot("partitions", "/assets/embeddings?view=partitions", keys[0], click(keys[0]))
    yield Shot("run", f"/runs/{run}", "RUN_SUCCESS")
    yield Shot("automation", "/automation", "sealed_batches")
    sensor = "/locations/soundalike/sensors/sealed_batches"
    yield Shot("skipped", sensor, "Frequency", open_tick)
    yield Shot("launchpad", "/assets/published_index", "Materialize", open_launchpad)
    yield Shot("backfill", f"/runs/b/{run_backfill(ui, keys)}", "Completed")


def run_backfill(ui: str, keys: list[str]) -> str:
    """Embed all batches again, which finds that done, and return the backfill's id."""
    launched = ask(ui, BACKFILL, keys=keys)["launchPartitionBackfill"]
    if "backfillId" not in launched:
        raise InstanceError(f"the backfill was refused: {launched}")
    backfill: str = launched["backfillId"]

    def completed() -> bool:
        status: str = ask(ui, DONE, id=backfill)["partitionBackfillOrError"]["status"]
        return status.startswith("COMPLETED")

    until(completed, "the backfill did not end")
    return backfill


def latest_run(ui: str) -> str:
    """Return the id of the latest run of `ingest_batch`."""
    run_id: str = ask(ui, RUNS)["runsOrError"]["results"][0]["runId"]
    return run_id


def take(browser: Browser, ui: str, shot: Shot, folder: Path) -> Path:
    """Take one picture, with a palette, which is a third of the size."""
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PAGE_SECONDS * 1000)
    try:
        page.goto(ui + shot.path)
        page.get_by_text(shot.ready).filter(visible=True).first.wait_for()
        shot.act(page)
        page.wait_for_timeout(SETTLE_MS)
        file = folder / f"dagster-{shot.name}.png"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file)
    except Error as error:
        raise InstanceError(
            f"{shot.name}: {error}\nThe page shows:\n{page.inner_text('body')}"
        ) from error
    finally:
        page.close()
    return shrunk(file, COLOURS)


def shrunk(file: Path, colours: int) -> Path:
    """Give a picture a palette, and return its path."""
    with Image.open(file) as image:
        image.convert("RGB").quantize(colours).save(file, optimize=True)
    return file


def click(text: str) -> Callable[[Page], None]:
    """Return an action that clicks on a text."""
    return lambda page: page.get_by_text(text, exact=True).first.click()


def hide_sides(page: Page) -> None:
    """Hide the navigation and the list of assets, and fit the graph into the room."""
    page.get_by_text("Hide navigation").click()
    page.locator("button:has([aria-label=panel_show_right])").first.click()
    page.keyboard.press("Alt+0")


def open_tick(page: Page) -> None:
    """Open the dialog of the latest tick that requested nothing."""
    page.locator("table").last.get_by_text("0 runs requested").nth(1).click()
    page.get_by_role("dialog").first.wait_for()


def open_launchpad(page: Page) -> None:
    """Open the launchpad, which a click with Shift on `Materialize` does."""
    page.get_by_role("button", name="Materialize").first.click(modifiers=["Shift"])
    page.get_by_text("No errors").wait_for()


def skipped(ui: str, sensor: str) -> bool:
    """Return whether a tick of a sensor was skipped with a reason."""
    ticks = ask(ui, TICKS, sensor=sensor)["sensorOrError"]["sensorState"]["ticks"]
    return any(tick["skipReason"] for tick in ticks)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
