/** The state as the page's address, query only: choices are steps back, typing is not. */

import { change, state, watch } from "./store.js";

const CHOSEN = ["q", "track", "like", "not", "genres", "tags", "root", "folder", "years", "allOfArtist", "editions", "from", "to", "steps", "list", "show", "pane", "colour", "at"];
const ids = (text) => (text ? text.split(",").filter(Boolean).slice(0, 20) : []);
const year = (text) => (/^\d{1,4}$/.test(text ?? "") ? Number(text) : null);
let reading = false;

export function readAddress() {
  const query = new URLSearchParams(location.search);
  const [first, last] = (query.get("years") ?? "").split("-");
  reading = true;
  change({
    q: (query.get("q") ?? "").slice(0, 200), track: query.get("t"), like: ids(query.get("like")), not: ids(query.get("not")),
    genres: query.getAll("genre"), tags: query.getAll("heard"), root: query.get("root"), folder: query.get("folder"), years: [year(first), year(last)],
    allOfArtist: query.get("apart") === "0", editions: query.get("editions") === "1",
    from: query.get("from"), to: query.get("to"), steps: Math.min(50, Math.max(2, Number(query.get("steps")) || 10)),
    list: query.get("list"), show: query.get("show"),
    pane: ["map", "list"].find((each) => each === query.get("pane")) ?? null, colour: query.get("colour"),
    at: query.get("at"), layout: query.get("layout"),
  });
  reading = false;
}

/** Write the address of these changes. */
function addressOf(changes = {}) {
  const wanted = { ...state, ...changes };
  const query = new URLSearchParams();
  if (wanted.q) query.set("q", wanted.q);
  if (wanted.track) query.set("t", wanted.track);
  if (wanted.like.length) query.set("like", wanted.like.join(","));
  if (wanted.not.length) query.set("not", wanted.not.join(","));
  wanted.genres.forEach((each) => query.append("genre", each));
  wanted.tags.forEach((each) => query.append("heard", each));
  if (wanted.years.some((each) => each !== null)) query.set("years", wanted.years.map((each) => each ?? "").join("-"));
  if (wanted.allOfArtist) query.set("apart", "0");
  if (wanted.editions) query.set("editions", "1");
  for (const name of ["root", "folder", "from", "to", "list", "show", "pane", "colour"]) if (wanted[name]) query.set(name, wanted[name]);
  if (wanted.from && wanted.steps !== 10) query.set("steps", String(wanted.steps));
  if (wanted.at) { query.set("at", wanted.at); query.set("layout", wanted.layout); }
  return `?${query}`.replaceAll("%2C", ",");
}

/** Follow the state: a step in the history for each choice. */
export function keepAddress() {
  watch(CHOSEN, (changed) => {
    if (reading) return;
    const address = addressOf();
    if (address === (location.search || "?")) return;
    const isTyped = changed.has("at") || (changed.size === 1 && (changed.has("q") || changed.has("steps")));
    history[isTyped ? "replaceState" : "pushState"](null, "", address);
  });
  addEventListener("popstate", readAddress);
}

const NOTHING = { track: null, like: [], not: [], from: null, to: null, list: null, show: null };

export const openView = (view) => change({ ...NOTHING, ...view });
/** Open a track: its list begins anew, and filters stay. */
export const open = (track) => openView({ track });
export const close = () => openView({});
export const addressOfTrack = (track) => addressOf({ ...NOTHING, track });
