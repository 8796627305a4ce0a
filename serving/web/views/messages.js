/** What went wrong, as a sentence and what can be done. */

import { Unreachable } from "../api.js";
import { h } from "../dom.js";
import { change } from "../store.js";
import { WORDS } from "../words.js";

/** Say an error; `again` is what is tried again. */
export function sentence(error, again) {
  if (error instanceof Unreachable) change({ down: true });
  if (error.status === 401) return null; // the form of the key is there
  const text = error instanceof Unreachable ? WORDS.down : `${capital(error.message || WORDS.failed)}`;
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, text), again && h("button", { type: "button", onclick: again }, WORDS.tryAgain));
}

const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
