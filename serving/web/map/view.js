/** The map of the collection: a point for each track, and what one can do with them. */

import { get, latest, Problem, send, Unreachable } from "../api.js";
import { h, iconButton, notice, render } from "../dom.js";
import { player } from "../player/player.js";
import { preview } from "../player/preview.js";
import { change, state, watch } from "../store.js";
import { hasFilter } from "../views/filters.js";
import { tell } from "../views/messages.js";
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
const hearButton = iconButton("sound", WORDS.previewOnHover, () => { preview.turn(!preview.isOn); hearButton.setAttribute("aria-pressed", String(preview.isOn)); }, { "aria-pressed": "false" });
const missing = h("p", { class: "about", id: "no-map", role: "status", hidden: true });

let about = null; // of /v1/map
let names = null;
let screen = null;
let pointing = null;
let isWaiting = false; // for the map to be drawn, or the server to answer
let wasMissed = false; // there was none
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
  watch(["pane", "q", "genres", "tags", "root", "folder", "years"], choosePane);
  watch(["track", "near", "way", "show", "from", "list"], mark);
  watch(["at"], () => { if (state.at === null && screen.count && !screen.isWhole) screen.showWhole(); else if (state.at && state.at !== written(screen.camera)) screen.fly(read(state.at)); });
  watch(["q"], () => { if (state.q && state.pane) change({ pane: null }); });
  player.addEventListener("change", mark);
  load();
}

function build() {
  const tools = h("div", { class: "tools", role: "group", "aria-label": WORDS.map },
    iconButton("add", WORDS.zoomIn, () => screen.zoom(1.6)), iconButton("minus", WORDS.zoomOut, () => screen.zoom(1 / 1.6)),
    iconButton("whole", WORDS.wholeMap, () => screen.showWhole()), lassoButton, hearButton,
    h("button", { type: "button", class: "text", onclick: () => change({ pane: "list" }) }, WORDS.asList));
  render(map, h("div", { class: "stage" }, points, top, labels, tip),
    h("div", { class: "bar" }, tools, h("details", { class: "legend", open: innerWidth > 860 }, h("summary", {}, WORDS.colours_), legend)));
  screen = new Screen(map.querySelector(".stage"), points, top, new Engine(points));
  pointing = new Pointing(screen, top, tip, lassoButton, changed);
  screen.addEventListener("drawn", ({ detail }) => { Object.assign(map.dataset, { drawn: screen.count, ms: detail.milliseconds.toFixed(1) }); name(detail.camera); });
  screen.addEventListener("broken", ({ detail }) => broken(detail));
  screen.addEventListener("rest", () => rest().catch(broken));
  listen(top, {
    isLasso: () => pointing.isLasso, pan: (dx, dy) => { tip.hidden = true; screen.pan(dx, dy); },
    zoom: (factor, pixel) => { tip.hidden = true; screen.zoom(factor, pixel); },
    point: (pixel) => pointing.hover(pixel).catch(broken), pick: (pixel, isTouch) => pointing.pick(pixel, isTouch).catch(broken), open: () => pointing.open(),
    lasso: (polygon, isDone) => pointing.lasso(polygon, isDone).catch(broken), hop: (dx, dy) => pointing.hop(dx, dy).catch(broken),
  });
}

const isShown = (found) => about?.index_version === found.index_version && about.layout === found.layout;

const load = latest(async (signal) => {
  const isFirst = about === null;
  isWaiting = false; // a poll ends no load that is on its way
  try {
    const found = await get("v1/map", {}, signal);
    if (!isShown(found)) await takeMap(found, await pointsOf(found, colourOf(found), signal));
    const isLate = isFirst && wasMissed; // somebody reads the list by now
    missing.hidden = true;
    if (isLate && state.pane === null) { change({ pane: "list" }); notice(WORDS.mapDrawn, WORDS.show, () => change({ pane: "map" })); }
  } catch (error) {
    if (signal.aborted) return;
    isWaiting = error instanceof Problem || error instanceof Unreachable;
    wasMissed ||= error.kind === "no-map" || error.kind === "no-index";
    if (isWaiting) miss(error.kind === "no-map" ? WORDS.noMap : ""); else broken(error);
  }
  choosePane();
});

function miss(text) {
  missing.textContent = text;
  missing.hidden = !text;
}

/** The worker cannot do what it should: there is the list, until another index or map is served. */
function broken(error) {
  about = names = null;
  pointing.take(null);
  miss(WORDS.mapBroken(error.message));
  choosePane();
}

/** Show a map with points that are coloured by `colour`. */
async function takeMap(found, { buffer, colour }) {
  const isFirst = about === null;
  const isMoved = !isFirst && about.layout !== found.layout;
  const isOther = !isShown(found);
  state.lit = stillLit(found, colour);
  [about, shownColour] = [found, colour];
  if (isOther) {
    names = new Names(found.index_version);
    nearby = [];
    pointing.take(names);
  }
  if (isFirst && state.at && state.layout === found.layout) Object.assign(screen, { camera: read(state.at) ?? screen.camera, isWhole: !read(state.at) });
  if (isMoved) screen.isWhole = true;
  dress();
  await screen.take(buffer);
  mark();
  rest().catch(broken);
  recolour(); // if another colour was chosen meanwhile
}

/** Return the categories that stay lit: those of the same names, which may have other numbers. */
function stillLit(found, colour) {
  if (colour !== shownColour || !about) return [];
  const lit = about.colours[colour].filter(({ id }) => state.lit.includes(id)).map(({ name }) => name);
  return [...state.lit.filter((id) => id === 0), ...found.colours[colour].filter(({ name }) => lit.includes(name)).map(({ id }) => id)];
}

const colourOf = ({ colours, colour }) => (colours[state.colour] ? state.colour : colour);
const pointsOf = async ({ layout, index_version }, colour, signal) => ({ colour, buffer: await (await send(`v1/map/${layout}/${index_version}/points?colour=${colour}`, { signal })).arrayBuffer() });

/** Colour the points anew, with the counts and labels of now. */
const recolour = latest(async (signal) => {
  if (!about || colourOf(about) === shownColour) return;
  try {
    const found = await get("v1/map", {}, signal);
    if (isShown(found)) await takeMap(found, await pointsOf(found, colourOf(found), signal));
    else changed({ kind: "index-changed" });
  } catch (error) {
    if (signal.aborted) return;
    if (error.kind === "index-changed" || error.kind === "no-map") changed(error);
    else if (error instanceof Problem || error instanceof Unreachable) tell(error);
    else broken(error);
  }
  dress();
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
  const [way, near] = [state.from ? state.way : [], state.track || state.show === "drop" ? state.near : []];
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
  if (!about) return;
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
  if (error.kind === "no-map") notice(WORDS.noMap);
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
  else if (key.startsWith("arrow") && document.activeElement === document.body) { top.focus(); pointing.hop(...ARROWS[key]).catch(broken); }
  else return false;
  return true;
}
