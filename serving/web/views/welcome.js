/** The first view: a place to begin. */

import { open } from "../address.js";
import { get } from "../api.js";
import { h, render } from "../dom.js";
import { row } from "../tracks.js";
import { player } from "../player/player.js";
import { state, watch } from "../store.js";
import { WORDS } from "../words.js";
import { chooseFile } from "./drop.js";

const OFFERED = 3;
let offered = [];
let asking = null;

/** Offer some tracks; where there are none yet, once there are. */
export async function showWelcome(view) {
  if (offered.length === 0) offered = await (asking ??= someTracks().finally(() => { asking = null; }));
  if (!view.isConnected) return;
  const context = { name: WORDS.start, tracks: offered };
  render(view, h("div", { class: "welcome" },
    h("h2", { tabindex: "-1" }, WORDS.welcome),
    h("p", {}, WORDS.welcomeText),
    offered.length > 0 && h("p", { class: "buttons" },
      h("button", { type: "button", class: "primary", onclick: surprise }, WORDS.surprise),
      h("button", { type: "button", onclick: chooseFile }, WORDS.drop)),
    offered.length > 0 && [h("h3", {}, WORDS.start), h("ol", { class: "rows" }, offered.map((track) => row(track, context, { key: "w" })))]));
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

/** Take tracks of different kinds: one of the strongest of each of some heard words. */
async function someTracks() {
  try {
    const { items } = await get("v1/facets/tags", { limit: 12 });
    const words = items.map((each) => each.value).sort(() => Math.random() - 0.5).slice(0, OFFERED);
    const pages = await Promise.all((words.length ? words : [null]).map((word) => get("v1/tracks", { tags: word, limit: 50 })));
    const found = new Map();
    for (const page of pages) {
      const fresh = page.items.filter((track) => !found.has(track.id));
      const track = fresh[Math.floor(Math.random() * fresh.length)];
      if (track) found.set(track.id, track);
    }
    return [...found.values()];
  } catch {
    return [];
  }
}
