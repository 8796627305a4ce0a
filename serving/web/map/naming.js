/** What is named and marked on the map: categories, tracks that are few, what plays, is chosen, near, or on a journey. */

import { player } from "../player/player.js";
import { change, state, watch } from "../store.js";
import { written } from "./camera.js";
import { drawLabels, fitting, labelsOf } from "./labels.js";
import { broken } from "./loading.js";

const NAMED = 60; // points at most of which each is named

let screen = null;
let labels = null;
let nearby = []; // rows that are seen, if they are few

export function nameOn(drawing, box) {
  [screen, labels] = [drawing, box];
  screen.addEventListener("drawn", ({ detail }) => name(detail.camera));
  screen.addEventListener("rest", () => rest().catch(broken));
  watch(["map", "track", "near", "way", "show", "from", "list"], mark);
  player.addEventListener("change", mark);
}

/** Mark what plays, is chosen, is like it, or is on the way. */
async function mark() {
  const names = state.map?.names;
  if (!names) return;
  const [way, near] = [state.from ? state.way : [], state.track || state.show === "drop" ? state.near : []];
  const playing = player.current?.id;
  try {
    await names.ofIds([...new Set([...way, ...near, state.track, playing])].filter(Boolean));
  } catch {
    // Another index is served, or no server: those that are known are marked.
  }
  if (names !== state.map?.names) return;
  const all = (ids) => ids.map((id) => names.place(id)).filter(Boolean);
  const chosen = names.place(state.track);
  const isNew = chosen && String(chosen) !== String(screen.marks.chosen);
  Object.assign(screen.marks, { way: all(way), near: all(near), playing: names.place(playing), chosen });
  if (isNew) screen.reveal(chosen);
  screen.drawMarks();
}

/** Note where one looks, and name the tracks there. */
async function rest() {
  if (!state.map) return;
  const { about, names } = state.map;
  const at = screen.isWhole ? null : written(screen.camera);
  if (at !== state.at) change({ at, layout: at && about.layout });
  const { rows, total } = await screen.engine.seen(screen.camera, screen.size, NAMED);
  if (names !== state.map?.names) return;
  nearby = total <= NAMED ? rows : [];
  await names.ofRows(nearby).catch(() => {});
  name();
}

/** Name what there is room for, and never over a point that may be named. */
function name(camera = screen.camera) {
  if (!state.map) return;
  const { about, colour, names } = state.map;
  const seen = labelsOf(about.labels[colour], names, nearby).map((label) => {
    const [x, y] = screen.pixel(label.at, camera);
    return { ...label, x, y };
  });
  const reach = screen.radius + 1;
  const taken = seen.filter(({ kind }) => kind === "track").map(({ x, y }) => [x - reach, y - reach, x + reach, y + reach]);
  drawLabels(labels, fitting(seen, screen.size, reach + 5, taken));
}
