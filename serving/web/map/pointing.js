/** What the mouse or the keys are at: it is marked, named and opened; and what is drawn around. */

import { open, openView } from "../address.js";
import { say } from "../dom.js";
import { preview } from "../player/preview.js";
import { state } from "../store.js";
import { nameOf } from "../tracks.js";
import { WORDS } from "../words.js";
import { scaleOf, UNIT, unitsAt } from "./camera.js";
import { changed } from "./loading.js";

const [CLOSE_MOUSE, CLOSE_TOUCH] = [14, 26]; // pixels from a point that are still it
const TIP_HALF = 110;

export class Pointing {
  names = null; // of the map that is shown; set with each
  isLasso = false;
  #row = null;

  constructor(screen, canvas, tip, button) { Object.assign(this, { screen, canvas, tip, button }); }

  take(names) {
    this.names = names;
    this.#row = null;
    this.screen.marks.pointed = null;
    this.tip.hidden = true;
    delete this.canvas.dataset.track;
    preview.hear(null);
  }

  async hover(pixel) {
    if (this.names) this.#point(pixel && !this.isLasso ? await this.#rowAt(pixel, CLOSE_MOUSE) : null);
  }

  async pick(pixel, isTouch) {
    if (this.names) this.open(await this.#rowAt(pixel, isTouch ? CLOSE_TOUCH : CLOSE_MOUSE));
  }

  async open(row = this.#row) {
    const track = row === null ? null : await this.names.ofRow(row).catch(changed);
    if (track) open(track.id);
  }

  async hop(dx, dy) {
    const { camera, engine } = this.screen;
    const from = this.#row ?? (state.track && this.names.rowOf(state.track));
    const row = from === null ? await engine.nearest(camera.x * UNIT, camera.y * UNIT, 4 * UNIT) : await engine.hop(from, dx, dy);
    if (row !== null) this.#point(row, true);
  }

  async lasso(polygon, isDone) {
    const { camera, engine, marks, size } = this.screen;
    marks.lasso = isDone ? null : polygon;
    this.screen.drawMarks();
    if (!isDone || polygon.length < 3) return;
    this.setLasso(false);
    const rows = await engine.inside(polygon.map((each) => unitsAt(camera, size, each).map((value) => value * UNIT)));
    state.area = { rows, names: this.names };
    openView({ show: "area" });
  }

  setLasso(on) {
    this.isLasso = on;
    this.button.setAttribute("aria-pressed", String(on));
    this.canvas.classList.toggle("lasso", on);
    if (on) say(WORDS.lassoHow);
  }

  #rowAt(pixel, close) {
    const { camera, engine, radius, size } = this.screen;
    const [x, y] = unitsAt(camera, size, pixel);
    return engine.nearest(x * UNIT, y * UNIT, ((close + radius) * UNIT) / scaleOf(camera, size));
  }

  async #point(row, isTold = false) {
    if (!this.names || (row === this.#row && !isTold)) return;
    this.#row = row;
    this.canvas.classList.toggle("over", row !== null);
    const track = row === null ? null : await this.names.ofRow(row).catch(changed);
    if (row !== this.#row) return;
    const at = this.names.placeOfRow(row);
    this.screen.marks.pointed = at;
    preview.hear(track);
    this.tip.hidden = !track || !at;
    if (this.tip.hidden) {
      delete this.canvas.dataset.track;
    } else {
      this.canvas.dataset.track = track.id; // the page's keys mean it
      this.#showTip(nameOf(track), this.screen.pixel(at));
      if (isTold) { say(nameOf(track)); this.screen.reveal(at); }
    }
    this.screen.drawMarks();
  }

  #showTip(name, [x, y]) {
    const { radius, size } = this.screen;
    const left = Math.round(Math.min(Math.max(x, TIP_HALF), size.width - TIP_HALF));
    const top = Math.round(y > 60 ? y - radius - 10 : y + radius + 46);
    this.tip.textContent = name;
    this.tip.style.transform = `translate(${left}px, ${top}px) translate(-50%, -100%)`;
  }
}
