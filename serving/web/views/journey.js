/** A journey: from one track to another in steps of similar sound, played in order. */

import { get, latest, trackPath } from "../api.js";
import { button, h, heading, notice, render } from "../dom.js";
import { change, state } from "../store.js";
import { playAll, row } from "../tracks.js";
import { openView } from "../address.js";
import { WORDS } from "../words.js";
import { saveButton } from "./playlists.js";

let start = null; // the track that a journey shall begin at, while its end is chosen
const FEWEST = 2;

/** Ask for a journey; where the collection is too small for that many steps, for half of them. */
const ask = latest(async (signal) => {
  for (let steps = state.steps; ; steps = Math.max(FEWEST, Math.ceil(steps / 2))) {
    try {
      return await get("v1/journeys", { from: state.from, to: state.to, steps, per_artist: state.allOfArtist ? null : 1 }, signal);
    } catch (error) {
      if (error.kind !== "too-few-tracks" || steps === FEWEST) throw error;
    }
  }
});

export function journeyButton(track) {
  const leads = start !== null && start.id !== track.id;
  return button(leads ? WORDS.journeyHere : WORDS.journey, () => choose(track), { "data-key": "journey", class: leads ? "primary" : null });
}

/** Begin a journey at a track, or lead the one that was begun to it. */
function choose(track) {
  if (start === null || start.id === track.id) {
    start = track;
    notice(`${WORDS.journeyFrom(track.title)}. ${WORDS.journeyChoose} “${WORDS.journeyHere}”.`, WORDS.close, () => { start = null; });
    return;
  }
  const from = start.id;
  start = null;
  openView({ from, to: track.id });
}

export async function chooseById(id) {
  choose(await get(trackPath(id)));
}

export async function showJourney(view) {
  const journey = await ask();
  if (!journey || !view.isConnected) return;
  const tracks = journey.items.map((item) => item.track);
  change({ way: tracks.map((track) => track.id) });
  const context = { name: WORDS.journeyTitle(tracks[0].title, tracks.at(-1).title), tracks };
  const steps = h("input", { type: "range", min: "3", max: "30", value: state.steps, "aria-label": WORDS.journey, "data-key": "steps", onchange: (event) => change({ steps: Number(event.target.value) }) });
  render(view,
    heading(WORDS.journey), h("p", { class: "about", dir: "auto" }, context.name),
    h("p", { class: "buttons" },
      playAll(context, WORDS.playInOrder), button(WORDS.journeySwap, () => change({ from: state.to, to: state.from }), { "data-key": "swap" })),
    h("label", { class: "steps" }, steps, WORDS.journeySteps(state.steps)),
    h("ol", { class: "rows way" }, journey.items.map((item) => row(item.track, context, { rank: item.position, key: "j" }))),
    h("div", { class: "foot" }, tracks.length < state.steps && h("p", {}, WORDS.journeyShort), saveButton(context.name, () => tracks)));
}
