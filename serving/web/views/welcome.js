/** The first view: a place to begin. */

import { open } from "../address.js";
import { get, post } from "../api.js";
import { button, h, heading, render } from "../dom.js";
import { row } from "../tracks.js";
import { player } from "../player/player.js";
import { state, watch } from "../store.js";
import { WORDS } from "../words.js";
import { chooseFile } from "./drop.js";

const OFFERED = 3;
const LOOKED_AT = 40;
let offered = [];
let asking = null;

/** Offer some tracks; where there are none yet, once there are. */
export async function showWelcome(view) {
  if (offered.length === 0) offered = await (asking ??= someTracks().finally(() => { asking = null; }));
  if (!view.isConnected) return;
  const context = { name: WORDS.start, tracks: offered };
  render(view, h("div", { class: "welcome" },
    heading(WORDS.welcome),
    offered.length > 0 && [h("p", {}, WORDS.welcomeText),
      h("p", { class: "buttons" }, button(WORDS.surprise, surprise, { class: "primary" }), button(WORDS.drop, chooseFile)),
      h("h3", {}, WORDS.start), h("ol", { class: "rows" }, offered.map((track) => row(track, context, { key: "w" })))]));
}

watch(["stats"], () => {
  const view = document.querySelector("#sheet[data-view=welcome] #view");
  if (view && offered.length === 0 && !asking && state.stats?.tracks > 0) showWelcome(view);
});

async function surprise() {
  const [track] = await someTracks();
  if (!track) return;
  player.play(track, null);
  open(track.id);
}

/** Take tracks by chance, whose strongest words are different ones if there are so many. */
async function someTracks() {
  try {
    const words = new Set();
    const isOther = ({ tags }) => !words.has(tags[0]?.word) && words.add(tags[0]?.word);
    const found = (await byChance()).sort(() => Math.random() - 0.5);
    const others = found.filter(isOther);
    return [...others, ...found.filter((track) => !others.includes(track))].slice(0, OFFERED);
  } catch {
    return [];
  }
}

/** Look at some rows of the index; where there is none yet, at the first tracks. */
async function byChance() {
  const index = await get("v1/index").catch(() => null);
  if (!index) return (await get("v1/tracks", { limit: LOOKED_AT })).items;
  const rows = new Set(Array.from({ length: LOOKED_AT }, () => Math.floor(Math.random() * index.tracks)));
  return (await post("v1/tracks/lookup", { index_version: index.version, rows: [...rows] })).items.map(({ track }) => track).filter(({ path }) => path);
}
