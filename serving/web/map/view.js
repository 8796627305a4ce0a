/** The map's part of the page: its canvases, tools and legend, and when it is shown instead of the list. */

import { button, h, iconButton, render } from "../dom.js";
import { preview } from "../player/preview.js";
import { change, state, watch } from "../store.js";
import { hasFilter } from "../views/filters.js";
import { WORDS } from "../words.js";
import { boundsOf, fitted, read, written } from "./camera.js";
import { canDraw, Engine } from "./engine.js";
import { ARROWS, listen } from "./gestures.js";
import { drawLegend, numbersOf } from "./legend.js";
import { broken, followMap } from "./loading.js";
import { nameOn } from "./naming.js";
import { Pointing } from "./pointing.js";
import { Screen } from "./screen.js";

const ZOOM = 1.6; // a step of the buttons and keys
const map = document.getElementById("map");
const list = document.getElementById("list");
const top = h("canvas", { tabindex: "0", role: "img" });
const legend = h("div", {});
const toMap = button(WORDS.map, () => change({ pane: "map" }), { id: "to-map" });
const missing = h("p", { class: "about", id: "no-map", role: "status" });
let screen = null;
let pointing = null;

export function showMap() {
  list.querySelector(".head").append(toMap);
  list.querySelector(".head").after(missing);
  if (canDraw()) build();
  watch(["map", "noMap", "pane", "q", "genres", "tags", "root", "folder", "years"], choosePane);
  choosePane();
  if (canDraw()) followMap(screen, pointing);
}

function build() {
  const points = h("canvas", { "aria-hidden": "true" });
  const labels = h("div", { class: "labels", "aria-hidden": "true" });
  const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const stage = h("div", { class: "stage" }, points, top, labels, tip);
  const lasso = iconButton("lasso", WORDS.lasso, () => pointing.setLasso(!pointing.isLasso), { "aria-pressed": "false" });
  const hear = iconButton("sound", WORDS.previewOnHover, () => { preview.turn(!preview.isOn); hear.setAttribute("aria-pressed", String(preview.isOn)); }, { class: "round preview", "aria-pressed": "false" });
  const tools = h("div", { class: "tools", role: "group", "aria-label": WORDS.map },
    iconButton("add", WORDS.zoomIn, () => screen.zoom(ZOOM)), iconButton("minus", WORDS.zoomOut, () => screen.zoom(1 / ZOOM)),
    iconButton("whole", WORDS.wholeMap, () => screen.showWhole()), lasso, hear,
    button(WORDS.asList, () => change({ pane: "list" }), { class: "text" }));
  render(map, stage, h("div", { class: "bar" }, tools, h("details", { class: "legend", open: innerWidth > 860 }, h("summary", {}, WORDS.colours_), legend)));
  screen = new Screen(stage, points, top, new Engine(points));
  pointing = new Pointing(screen, top, tip, lasso);
  screen.addEventListener("drawn", ({ detail }) => Object.assign(map.dataset, { drawn: screen.count, ms: detail.milliseconds.toFixed(1) }));
  screen.addEventListener("broken", ({ detail }) => broken(detail));
  nameOn(screen, labels);
  watch(["map", "lit", "palette"], dress);
  watch(["at"], () => { if (state.at === null && screen.count && !screen.isWhole) screen.showWhole(); else if (state.at && state.at !== written(screen.camera)) screen.fly(read(state.at)); });
  watch(["q"], () => { if (state.q && state.pane) change({ pane: null }); });
  const asked = (act) => (...given) => act(...given).catch(broken);
  listen(top, {
    isLasso: () => pointing.isLasso, pan: (dx, dy) => { tip.hidden = true; screen.pan(dx, dy); },
    zoom: (factor, pixel) => { tip.hidden = true; screen.zoom(factor, pixel); },
    point: asked((pixel) => pointing.hover(pixel)), pick: asked((pixel, isTouch) => pointing.pick(pixel, isTouch)), open: () => pointing.open(),
    lasso: asked((polygon, isDone) => pointing.lasso(polygon, isDone)), hop: asked((dx, dy) => pointing.hop(dx, dy)),
  });
}

/** Bring colours and legend up to date. */
function dress() {
  if (!state.map) return;
  const { about, colour } = state.map;
  const numbers = numbersOf(colour, about.colours[colour]);
  screen.colouring = { numbers, lit: state.lit };
  drawLegend(legend, about, colour, numbers, state.lit);
  top.setAttribute("aria-label", WORDS.mapSummary(about.tracks, WORDS.colours[colour], about.colours[colour]));
  screen.draw();
}

/** Show the map or the list: what was chosen, else the map, unless somebody searches. */
function choosePane() {
  const isMap = state.map !== null && (state.pane ?? (state.q || hasFilter() ? "list" : "map")) === "map";
  document.body.classList.toggle("on-map", isMap);
  map.hidden = !isMap;
  list.hidden = isMap;
  toMap.hidden = state.map === null;
  missing.textContent = state.noMap;
  missing.hidden = !state.noMap;
}

/** Keys of the page that mean the map, where it is shown. */
export function onMap(key) {
  if (map.hidden) return false;
  const marked = [...(screen.marks.way ?? []), ...(screen.marks.near ?? []), screen.marks.chosen].filter(Boolean);
  if (key === "0") screen.showWhole();
  else if (key === "z" && marked.length) screen.fly(fitted(boundsOf(marked), screen.size, 40));
  else if (key === "+") screen.zoom(ZOOM);
  else if (key === "-") screen.zoom(1 / ZOOM);
  else if (ARROWS[key] && document.activeElement === document.body) { top.focus(); pointing.hop(...ARROWS[key]).catch(broken); }
  else return false;
  return true;
}
