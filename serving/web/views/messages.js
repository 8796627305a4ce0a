/** What went wrong, as a sentence and what can be done. */

import { Unreachable } from "../api.js";
import { button, h, notice } from "../dom.js";
import { change, state, watch } from "../store.js";
import { asSentence, WORDS } from "../words.js";

const waiting = new Map(); // sentences that say so, and what is tried again once the server answers

/** Say an error; `again` is what is tried again, also by itself once a server that was away answers. */
export function sentence(error, again) {
  if (error.status === 401) return null; // the form of the key is there
  const box = h("div", { class: "trouble", role: "alert" }, h("p", {}, textOf(error, again)), again && button(WORDS.tryAgain, again));
  if (error instanceof Unreachable) {
    if (again) waiting.set(box, again);
    change({ down: true });
  }
  return box;
}

/** Say an error of something that was asked for and has no place of its own on the page. */
export function tell(error) {
  if (error instanceof Unreachable) change({ down: true });
  if (error.status !== 401) notice(textOf(error, null));
}

function textOf(error, again) {
  if (error instanceof Unreachable) return again ? WORDS.down : WORDS.unanswered;
  return error.kind === "unknown-track" ? WORDS.unknownTrack : asSentence(error.message || WORDS.failed);
}

watch(["down"], () => {
  if (state.down) return;
  const here = [...waiting].filter(([box]) => box.isConnected);
  waiting.clear();
  for (const [, again] of here) again();
});
