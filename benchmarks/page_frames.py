"""Frames of the page's map: the worker's own time to draw, and beside it that of a plain canvas."""

import statistics
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, Route

PANS = 15
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


def frames(browser: Browser, address: str, made_up: int = 0) -> dict[str, Any]:
    """Pan the map, or one of so many points that are made up; return milliseconds of frames."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    if made_up:
        content = points(made_up)
        page.route("**/v1/map*", lambda route: answer_map(route, made_up))
        page.route("**/points?*", lambda route: route.fulfill(body=content))
    page.goto(address)
    page.locator("#map[data-drawn]").wait_for(timeout=120_000)
    page.wait_for_timeout(1000)
    count = int(page.locator("#map").get_attribute("data-drawn") or 0)
    rest = float(page.locator("#map").get_attribute("data-ms") or 0)
    moving = statistics.median(pan(page, step) for step in range(PANS))
    rectangles = statistics.median(page.evaluate(PLAIN, [count, 3]))
    page.close()
    return {
        "frame_ms": round(moving, 1),
        "whole_ms": rest,
        "fill_rect_ms": round(rectangles, 1),
        "times_faster": round(rectangles / moving, 1),
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


def answer_map(route: Route, count: int) -> None:
    """Answer as the service does for a map of so many points."""
    tag = [{"id": each, "name": f"word {each}", "tracks": count // 13} for each in range(1, 13)]
    about = {"index_version": "a", "layout": "b", "colouring": "c", "tracks": count}
    colours = {"colour": "tag", "colours": {"tag": tag}, "labels": {"tag": []}}
    route.fulfill(json=about | colours)
