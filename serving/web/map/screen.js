/** The map's canvases: they are drawn when the camera, the size, the theme or the marks change. */

import { between, fitted, moved, pixelOf, scaleOf, UNIT, zoomed } from "./camera.js";
import { Overlay } from "./overlay.js";
import { radiusOf } from "./raster.js";

const MOST_PIXELS = 2_500_000;
const FLIGHT_MS = 250;
const REST_MS = 120;
const CATEGORIES = 13;
const EDGE = 20; // pixels of the edge that do not count as seen

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Screen extends EventTarget {
  camera = { x: 0, y: 0, zoom: 1 };
  isWhole = true; // all is seen, and shall be when the window changes
  marks = {}; // of the overlay, in units
  colouring = { numbers: [], lit: [] };
  count = 0;
  #bounds = [-1, -1, 1, 1];
  #busy = false;
  #stale = false;
  #movedAt = -Infinity;
  #flight = 0;

  constructor(box, points, overlay, engine) {
    super();
    Object.assign(this, { box, engine, size: { width: 0, height: 0 }, overlay: new Overlay(overlay) });
    this.#readTheme();
    dark.addEventListener("change", () => { this.#readTheme(); this.draw(); });
    new ResizeObserver(() => this.#resize()).observe(box);
  }

  /** Take new points; the camera stays where it is, unless it shows the whole map. */
  async take(buffer) {
    const { bounds: [left, top, right, bottom], count } = await this.engine.points(buffer);
    this.#bounds = [left, top, right, bottom].map((each) => each / UNIT);
    this.count = count;
    if (this.isWhole) this.camera = this.whole();
    this.draw();
    this.dispatchEvent(new Event("rest"));
  }

  whole() { return fitted(this.#bounds, this.size, 40); }
  pixel(at, camera = this.camera) { return pixelOf(camera, this.size, at); }
  get radius() { return radiusOf(this.count, scaleOf(this.camera, this.size)); }

  pan(dx, dy) { this.#go(moved(this.camera, this.size, dx, dy), false); }
  zoom(factor, pixel = [this.size.width / 2, this.size.height / 2]) { this.#go(zoomed(this.camera, this.size, factor, pixel), false); }

  /** Move there at once, or in a short flight if somebody likes motion. */
  fly(camera, isWhole = false) {
    const from = this.camera;
    const flight = ++this.#flight;
    if (calm.matches || !this.size.width) { this.#go(camera, isWhole, flight); return; }
    const started = performance.now();
    const step = (now) => {
      if (flight !== this.#flight) return;
      const done = Math.min(1, Math.max(0, now - started) / FLIGHT_MS);
      this.#go(done < 1 ? between(from, camera, done) : camera, isWhole, flight);
      if (done < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** Move only if a point is not seen. */
  reveal(at) {
    const { width, height } = this.size;
    const [x, y] = this.pixel(at);
    if (width && (x < EDGE || y < EDGE || x > width - EDGE || y > height - EDGE)) this.fly({ ...this.camera, x: at[0], y: at[1] });
  }

  showWhole() { this.fly(this.whole(), true); }

  #go(camera, isWhole, flight = ++this.#flight) {
    Object.assign(this, { camera, isWhole });
    this.#flight = flight;
    this.#movedAt = performance.now();
    this.draw();
    this.#restSoon();
  }

  #restSoon() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.draw(); this.dispatchEvent(new Event("rest")); }, REST_MS);
  }

  /** Draw soon: what is asked for while the worker draws is drawn once after that. */
  async draw() {
    this.#stale = true;
    if (this.#busy || !this.count || !this.size.width) return;
    this.#busy = true;
    try {
      while (this.#stale) {
        this.#stale = false;
        const camera = this.camera;
        const { seen, milliseconds } = await this.engine.draw({ ...this.size, ratio: this.ratio, camera, ...this.theme, ...this.colouring, colours: this.colouring.numbers.map((each) => this.theme.colours[each]), isMoving: performance.now() - this.#movedAt < REST_MS });
        this.drawMarks(camera);
        this.dispatchEvent(new CustomEvent("drawn", { detail: { camera, seen, milliseconds } }));
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("broken", { detail: error }));
    } finally {
      this.#busy = false;
    }
  }

  drawMarks(camera = this.camera) {
    const pixel = (at) => at && pixelOf(camera, this.size, at);
    const { near = [], way = [], playing, chosen, pointed, lasso } = this.marks;
    this.overlay.draw({ ...this.size, ratio: this.ratio, radius: this.radius, ...this.theme.names },
      { near: near.map(pixel), way: way.map(pixel), playing: pixel(playing), chosen: pixel(chosen), pointed: pixel(pointed), lasso });
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    this.size = { width, height };
    this.ratio = Math.min(devicePixelRatio, Math.sqrt(MOST_PIXELS / (width * height)));
    if (this.isWhole) this.camera = this.whole();
    this.draw();
    this.drawMarks();
    this.#restSoon();
  }

  #readTheme() {
    const style = getComputedStyle(document.documentElement);
    const named = (name) => style.getPropertyValue(name).trim();
    const parts = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
    const names = { ink: named("--ink"), accent: named("--accent"), ground: named("--ground") };
    this.theme = { names, ground: parts(names.ground), colours: Array.from({ length: CATEGORIES }, (_, number) => parts(named(`--c${number}`))), rest: parts(named("--c11")), faint: parts(named("--faint")) };
  }
}
