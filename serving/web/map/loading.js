/** Which map is shown: it is asked for with its points, and shown anew when somebody wants another index or colour. */

import { get, latest, Problem, send, Unreachable } from "../api.js";
import { notice } from "../dom.js";
import { change, state, watch } from "../store.js";
import { tell } from "../views/messages.js";
import { WORDS } from "../words.js";
import { read } from "./camera.js";
import { Names } from "./names.js";

const TRIES = 4; // until workers of the server agree which number is which colour
const TRY_MS = 1000;

let screen = null;
let pointing = null;
let isWaiting = false; // for the map to be drawn, or the server to answer
let wasMissed = false; // there was none

export function followMap(drawing, pointer) {
  [screen, pointing] = [drawing, pointer];
  watch(["index", "opened"], load);
  watch(["pipeline"], () => { if (isWaiting) load(); });
  watch(["colour"], recolour);
  load();
}

const isShown = (found) => state.map?.about.index_version === found.index_version && state.map.about.layout === found.layout;
const colourOf = ({ colours, colour }) => (colours[state.colour] ? state.colour : colour);

/** Ask for what is on the map, and take its points if they are to be `wanted`. */
async function take(signal, wanted) {
  for (let left = TRIES; ; left--) {
    const about = await get("v1/map", {}, signal);
    if (!wanted(about)) return about;
    const colour = colourOf(about);
    try {
      const { layout, index_version, colouring } = about;
      const points = await send(`v1/map/${layout}/${index_version}/points?colour=${colour}&colouring=${colouring}`, { signal });
      await show(about, colour, await points.arrayBuffer());
      return about;
    } catch (error) {
      if (error.kind !== "index-changed" || left === 1) throw error;
      await new Promise((resolve) => { setTimeout(resolve, TRY_MS); });
    }
  }
}

const load = latest(async (signal) => {
  const isLate = state.map === null && wasMissed; // somebody reads the list by now
  isWaiting = false; // a poll ends no load that is on its way
  try {
    await take(signal, (found) => !isShown(found));
    change({ noMap: "" });
    if (isLate && state.pane === null) { change({ pane: "list" }); notice(WORDS.mapDrawn, WORDS.show, () => change({ pane: "map" })); }
  } catch (error) {
    if (signal.aborted) return;
    isWaiting = error instanceof Problem || error instanceof Unreachable;
    wasMissed ||= error.kind === "no-map" || error.kind === "no-index";
    if (isWaiting) change({ noMap: error.kind === "no-map" ? WORDS.noMap : "" }); else broken(error);
  }
});

/** Colour the points anew, with the counts and labels of now. */
const recolour = latest(async (signal) => {
  if (!state.map || colourOf(state.map.about) === state.map.colour) return;
  try {
    if (!isShown(await take(signal, isShown))) changed();
  } catch (error) {
    if (signal.aborted) return;
    if (error.kind === "index-changed" || error.kind === "no-map") changed(error);
    else if (error instanceof Problem || error instanceof Unreachable) tell(error);
    else broken(error);
  }
  change({ lit: state.lit }); // the legend has the colour that is shown
});

/** Show a map: the camera stays, as long as points keep their places. */
async function show(about, colour, buffer) {
  const before = state.map;
  const names = isShown(about) ? before.names : new Names(about.index_version);
  if (!before && state.at && state.layout === about.layout) Object.assign(screen, { camera: read(state.at) ?? screen.camera, isWhole: !read(state.at) });
  if (before && before.about.layout !== about.layout) screen.isWhole = true;
  if (names !== before?.names) pointing.take(names);
  change({ map: { about, colour, names }, lit: stillLit(about, colour) });
  await screen.take(buffer);
  recolour(); // if another colour was chosen meanwhile
}

/** Return the categories that stay lit: those of the same names, which may have other numbers. */
function stillLit({ colours }, colour) {
  if (colour !== state.map?.colour) return [];
  const lit = state.map.about.colours[colour].filter(({ id }) => state.lit.includes(id)).map(({ name }) => name);
  return [...state.lit.filter((id) => id === 0), ...colours[colour].filter(({ name }) => lit.includes(name)).map(({ id }) => id)];
}

/** The worker cannot do what it should: there is the list, until another index or map is served. */
export function broken(error) {
  pointing.take(null);
  change({ map: null, noMap: WORDS.mapBroken(error.message) });
}

/** A new index is served: rows are others now, and this map is shown until somebody wants the new one. */
export function changed(error = { kind: "index-changed" }) {
  if (error.kind === "index-changed") notice(WORDS.mapChanged, WORDS.show, () => change({ index: state.newest }));
  if (error.kind === "no-map") notice(WORDS.noMap);
  return null;
}
