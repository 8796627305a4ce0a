/** The map of the collection: a point for each track, and what one can do with them. */

import { get, latest, send } from "../api.js";
import { h, iconButton, notice, render } from "../dom.js";
import { player } from "../player/player.js";
import { change, state, watch } from "../store.js";
import { hasFilter } from "../views/filters.js";
import { WORDS } from "../words.js";
import { boundsOf, fitted, read, written } from "./camera.js";
import { canDraw, Engine } from "./engine.js";
import { listen } from "./gestures.js";
import { drawLabels, fitting, labelsOf } from "./labels.js";
import { drawLegend, numbersOf } from "./legend.js";
import { Names } from "./names.js";
import { Pointing } from "./pointing.js";
import { Screen } from "./screen.js";

const NAMED = 60; // points at most of which each is named
const map = document.getElementById("map");
const points = h("canvas", { "aria-hidden": "true" });
const top = h("canvas", { tabindex: "0", role: "img" });
const labels = h("div", { class: "labels", "aria-hidden": "true" });
const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
const legend = h("div", {});
const lassoButton = iconButton("lasso", WORDS.lasso, () => pointing.setLasso(!pointing.isLasso), { "aria-pressed": "false" });
const missing = h("p", { class: "about", id: "no-map", hidden: true }, WORDS.noMap);

let about = null; // of /v1/map
let names = null;
let screen = null;
let pointing = null;
let isWaiting = false;
let shownColour = null;
let nearby = []; // rows that are seen, if they are few

export function showMap() {
  document.querySelector("#list .head").after(missing);
  document.querySelector("#list .head").append(h("button", { type: "button", id: "to-map", onclick: () => change({ pane: "map" }) }, WORDS.map));
  if (!canDraw()) return;
  build();
  watch(["index", "opened"], load);
  watch(["pipeline"], () => { if (isWaiting) load(); });
  watch(["colour"], recolour);
  watch(["lit", "palette"], dress);
  watch(["pane", "q", "genres", "tags", "folder", "years"], choosePane);
  watch(["track", "near", "way", "show", "from", "list"], mark);
  watch(["at"], () => { if (state.at === null && screen.count && !screen.isWhole) screen.showWhole(); else if (state.at && state.at !== written(screen.camera)) screen.fly(read(state.at)); });
  watch(["q"], () => { if (state.q && state.pane) change({ pane: null }); });
  player.addEventListener("change", mark);
  load();
}

function build() {
  const tools = h("div", { class: "tools", role: "group", "aria-label": WORDS.map },
    iconButton("add", WORDS.zoomIn, () => screen.zoom(1.6)), iconButton("minus", WORDS.zoomOut, () => screen.zoom(1 / 1.6)),
    iconButton("whole", WORDS.wholeMap, () => screen.showWhole()), lassoButton,
    h("button", { type: "button", class: "text", onclick: () => change({ pane: "list" }) }, WORDS.asList));
  render(map, h("div", { class: "stage" }, points, top, labels, tip),
    h("div", { class: "bar" }, tools, h("details", { class: "legend", open: innerWidth > 860 }, h("summary", {}, WORDS.colours_), legend)));
  screen = new Screen(map.querySelector(".stage"), points, top, new Engine(points));
  pointing = new Pointing(screen, top, tip, lassoButton, changed);
  screen.addEventListener("drawn", ({ detail }) => { Object.assign(map.dataset, { drawn: screen.count, ms: detail.milliseconds.toFixed(1) }); name(detail.camera); });
  screen.addEventListener("rest", rest);
  listen(top, {
    isLasso: () => pointing.isLasso, pan: (dx, dy) => { tip.hidden = true; screen.pan(dx, dy); },
    zoom: (factor, pixel) => { tip.hidden = true; screen.zoom(factor, pixel); },
    point: (pixel) => pointing.hover(pixel), pick: (pixel, isTouch) => pointing.pick(pixel, isTouch), open: () => pointing.open(),
    lasso: (polygon, isDone) => pointing.lasso(polygon, isDone), hop: (dx, dy) => pointing.hop(dx, dy),
  });
}

const load = latest(async (signal) => {
  const before = about;
  try {
    const found = await get("v1/map", {}, signal);
    if (before?.index_version === found.index_version) { isWaiting = false; return; }
    await takeMap(found, signal);
    const isLate = isWaiting && !before;
    isWaiting = false;
    missing.hidden = true;
    if (isLate && state.pane === null) { change({ pane: "list" }); notice(WORDS.mapDrawn, WORDS.show, () => change({ pane: "map" })); }
  } catch (error) {
    if (signal.aborted) return;
    isWaiting = true;
    missing.hidden = error.kind !== "no-map";
  }
  choosePane();
});

async function takeMap(found, signal) {
  const colour = colourOf(found);
  const buffer = await pointsOf(found, colour, signal);
  const isFirst = about === null;
  const isMoved = !isFirst && about.layout !== found.layout;
  about = found;
  names = new Names(found.index_version);
  [nearby, shownColour] = [[], colour];
  pointing.take(names);
  if (isFirst && state.at && state.layout === found.layout) Object.assign(screen, { camera: read(state.at) ?? screen.camera, isWhole: !read(state.at) });
  if (isMoved) screen.isWhole = true;
  dress();
  await screen.take(buffer);
  mark();
  rest();
}

const colourOf = ({ colours, colour }) => (colours[state.colour] ? state.colour : colour);
const pointsOf = async ({ layout, index_version }, colour, signal) => (await send(`v1/map/${layout}/${index_version}/points?colour=${colour}`, { signal })).arrayBuffer();

const recolour = latest(async (signal) => {
  if (!about || colourOf(about) === shownColour) return;
  const colour = colourOf(about);
  try {
    const buffer = await pointsOf(about, colour, signal);
    shownColour = colour;
    dress();
    await screen.take(buffer);
  } catch (error) {
    if (!signal.aborted) changed(error);
  }
});

/** Bring colours and legend up to date. */
function dress() {
  if (!about) return;
  const categories = about.colours[shownColour];
  const numbers = numbersOf(shownColour, categories);
  screen.colouring = { numbers, lit: state.lit };
  drawLegend(legend, about, shownColour, numbers, state.lit);
  top.setAttribute("aria-label", WORDS.mapSummary(about.tracks, WORDS.colours[shownColour], categories));
  screen.draw();
}

/** Show the map or the list: what was chosen, else the map, unless somebody searches. */
function choosePane() {
  const isMap = about !== null && (state.pane ?? (state.q || hasFilter() ? "list" : "map")) === "map";
  document.body.classList.toggle("on-map", isMap);
  map.hidden = !isMap;
  document.getElementById("list").hidden = isMap;
  document.getElementById("to-map").hidden = about === null;
}

/** Mark what plays, is chosen, is like it, or is on the way. */
async function mark() {
  if (!names) return;
  const here = names;
  const [way, near] = [state.from ? state.way : [], state.track ? state.near : []];
  const playing = player.current?.id;
  try {
    await names.ofIds([...new Set([...way, ...near, state.track, playing])].filter(Boolean));
  } catch {
    // Another index is served, or no server: those that are known are marked.
  }
  if (here !== names) return;
  const all = (ids) => ids.map((id) => names.place(id)).filter(Boolean);
  const chosen = names.place(state.track);
  const isNew = chosen && String(chosen) !== String(screen.marks.chosen);
  Object.assign(screen.marks, { way: all(way), near: all(near), playing: names.place(playing), chosen });
  if (isNew) screen.reveal(chosen);
  screen.drawMarks();
}

async function rest() {
  if (!about) return;
  const at = screen.isWhole ? null : written(screen.camera);
  if (at !== state.at) change({ at, layout: at && about.layout });
  const { rows, total } = await screen.engine.seen(screen.camera, screen.size, NAMED);
  nearby = total <= NAMED ? rows : [];
  const here = names;
  await names.ofRows(nearby).catch(() => {});
  if (here === names) name();
}

/** Name what there is room for, and never over a point that may be named. */
function name(camera = screen.camera) {
  const seen = labelsOf(about.labels[shownColour], names, nearby).map((label) => {
    const [x, y] = screen.pixel(label.at, camera);
    return { ...label, x, y };
  });
  const reach = screen.radius + 1;
  const taken = seen.filter(({ kind }) => kind === "track").map(({ x, y }) => [x - reach, y - reach, x + reach, y + reach]);
  drawLabels(labels, fitting(seen, screen.size, reach + 5, taken));
}

/** A new index is served: rows are others now, and this map is shown until somebody wants the new one. */
function changed(error) {
  if (error.kind === "index-changed") notice(WORDS.mapChanged, WORDS.show, () => change({ index: state.newest }));
  return null;
}

const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };

/** Keys of the page that mean the map, where it is shown. */
export function onMap(key) {
  if (map.hidden || !about) return false;
  const marked = [...(screen.marks.way ?? []), ...(screen.marks.near ?? []), screen.marks.chosen].filter(Boolean);
  if (key === "0") screen.showWhole();
  else if (key === "z" && marked.length) screen.fly(fitted(boundsOf(marked), screen.size, 40));
  else if (key === "+") screen.zoom(1.6);
  else if (key === "-") screen.zoom(1 / 1.6);
  else if (key.startsWith("arrow") && document.activeElement === document.body) { top.focus(); pointing.hop(...ARROWS[key]); }
  else return false;
  return true;
}
