"""Speed of the page's map in a headless Chromium, on made-up points; ends with one line of JSON.

    python benchmarks/bench_page.py [100000,1000000]

The page's own files are served to the browser, and made-up answers in place of the API's. Frames
are the worker's own time to draw while the map is panned, and beside them that of a plain canvas
which fills a rectangle for each point, in the same browser and minute. Needs playwright.
"""

import gzip
import json
import os
import shutil
import statistics
import sys
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Browser, Page, Route, sync_playwright

from serving.routes.page import HEADERS, TYPES, WEB

HOST = "http://page.test/"
PANS = 15
MILLION = 1_000_000
PLAIN = """([count, rounds]) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 768, height: 660});
  const context = canvas.getContext('2d');
  const at = Float32Array.from({length: 2 * count}, () => 660 * Math.random());
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    context.clearRect(0, 0, 768, 660);
    for (let i = 0; i < count; i++) {
      context.fillStyle = ['#4400ff', '#bb8811', '#009977'][i % 3];
      context.fillRect(at[2 * i], at[2 * i + 1], 2, 2);
    }
    context.getImageData(0, 0, 1, 1);
    times.push(performance.now() - started);
  }
  return times;
}"""


def main(counts: list[int]) -> None:
    """Measure each count and print the figures, the last line as JSON."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with sync_playwright() as playwright:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        for count in counts:
            name = f"{count // MILLION}m" if count >= MILLION else f"{count // 1000}k"
            measured = measure(browser, count)
            figures |= {f"{key}_{name}": value for key, value in measured.items()}
            print(f"{count} points: {measured}", flush=True)
        browser.close()
    figures["wire_bytes"] = {
        kind: sum(len(gzip.compress(each.read_bytes())) for each in WEB.rglob(f"*.{kind}"))
        for kind in ("html", "js", "css")
    } | {"points_100k": len(gzip.compress(points(100_000), 4))}
    print(json.dumps(figures))


def measure(browser: Browser, count: int) -> dict[str, float]:
    """Pan a map of so many points; return milliseconds of frames, and seconds to the first."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    content = points(count)
    page.route(HOST + "**", lambda route: answer(route, count, content))
    page.goto(HOST)
    page.locator("#map[data-drawn]").wait_for(timeout=120_000)
    first = page.evaluate("performance.now()") / 1000
    page.wait_for_timeout(1000)
    rest = float(page.locator("#map").get_attribute("data-ms") or 0)
    frames = [pan(page, step) for step in range(PANS)]
    plain = page.evaluate(PLAIN, [count, 3])
    page.close()
    frame, rectangles = statistics.median(frames), statistics.median(plain)
    return {
        "frame_ms": round(frame, 1),
        "whole_ms": rest,
        "fill_rect_ms": round(rectangles, 1),
        "times_faster": round(rectangles / frame, 1),
        "first_paint_s": round(first, 2),
    }


def pan(page: Page, step: int) -> float:
    """Move the map a little, and return how long its last frame took to draw."""
    page.mouse.move(380, 400)
    page.mouse.down()
    page.mouse.move(380 + (-1) ** step * 40, 410, steps=5)
    page.wait_for_timeout(20)
    taken = float(page.locator("#map").get_attribute("data-ms") or 0)
    page.mouse.up()
    return taken


def points(count: int) -> bytes:
    """Made-up points: twenty clouds, of twelve categories and the rest."""
    random = np.random.default_rng(1)
    cloud = random.integers(0, 20, count)
    middles = random.uniform(-0.7, 0.7, (20, 2))
    at = np.clip(middles[cloud] + 0.08 * random.standard_normal((count, 2)), -1, 1)
    codes = (cloud % 13).astype(np.uint8).tobytes()
    x, y = np.rint(at.T * 32767).astype("<i2")
    return bytes(x.tobytes() + y.tobytes() + codes)


def answer(route: Route, count: int, content: bytes) -> None:
    """Answer as a server would: files of the page, the map, and nothing else."""
    path = urlsplit(route.request.url).path
    file = WEB / ("index.html" if path == "/" else path.removeprefix("/web/"))
    if path.endswith("/points"):
        route.fulfill(body=content, content_type="application/octet-stream")
    elif path == "/v1/map":
        tag = [{"id": each, "name": f"word {each}", "tracks": count // 13} for each in range(1, 13)]
        route.fulfill(
            json={
                "index_version": "a",
                "layout": "b",
                "tracks": count,
                "colour": "tag",
                "colours": {"tag": tag},
                "labels": {"tag": []},
            }
        )
    elif path.startswith("/v1/"):
        route.fulfill(status=503, json={"type": "about:blank", "detail": "not measured"})
    else:
        route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix], headers=HEADERS)


if __name__ == "__main__":
    main(
        [int(each) for each in (sys.argv[1] if len(sys.argv) > 1 else "100000,1000000").split(",")]
    )
