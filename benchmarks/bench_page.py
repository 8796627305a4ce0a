"""Speed of the page in a headless Chromium, over the service; ends with one line of JSON.

    python benchmarks/bench_page.py [100000]

The service has so many made-up tracks, whose map is drawn first, which takes minutes. The first
useful paint is when the map's points are there, from the beginning of the navigation, in browser
contexts that were never there; the one right after the service's start is counted apart. Frames
are the worker's own time to draw while the map is panned, and beside them that of a plain canvas
which fills a rectangle for each point, in the same browser and minute. A million points are made up
in place of the service's. Needs playwright.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import search_data
import search_service
from page_frames import frames
from page_visits import visits
from playwright.sync_api import sync_playwright

from soundalike.catalog.engine import open_catalog
from soundalike.maps.draw import draw_map
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.kinds import kind_for

MILLION = 1_000_000


def main(count: int) -> None:
    """Measure the page over so many tracks, and with a million points; print the figures."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    figures: dict[str, Any] = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sync_playwright() as playwright:
        Path(name).chmod(0o755)  # as root, Postgres runs as another user
        store = ArtifactStore(Path(name) / "data")
        store.root.mkdir()
        with connected_database(Settings(data=Path(name)), durable=False) as url:
            figures |= named(fill(url, store, count), count)
            options = ["--headless=new", "--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=path, args=options)
            with search_service.served(url, store.root) as (port, _):
                address = f"http://127.0.0.1:{port}/"
                figures["load"] = round(os.getloadavg()[0], 1)
                figures |= named(visits(browser, address), count)
                figures |= named(frames(browser, address), count)
                figures |= named(frames(browser, address, made_up=MILLION), MILLION)
            browser.close()
    print(json.dumps(figures))


def fill(url: str, store: ArtifactStore, count: int) -> dict[str, Any]:
    """Make so many tracks, their index and their map; return what the map's layout cost."""
    matrix, _ = search_data.collection(count)
    version = search_data.write_artifact(store, matrix, kind_for(count).name)
    del matrix
    search_service.fill(url, count)
    search_service.publish(url, version, count)
    drawn = draw_map(open_catalog(url), store)
    return {"layout_cpu_s": drawn.cpu_seconds, "trustworthiness": drawn.trustworthiness}


def named(figures: dict[str, Any], count: int) -> dict[str, Any]:
    """Print the figures, and return them with the count in their names."""
    print(f"{count} points: {figures}", flush=True)
    size = f"{count // MILLION}m" if count >= MILLION else f"{count // 1000}k"
    return {f"{key}_{size}": value for key, value in figures.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
