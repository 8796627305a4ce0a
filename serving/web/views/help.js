/** The keys that the page knows, which may be turned off. */

import { h } from "../dom.js";
import { keep, kept } from "../kept.js";
import { KEYS, WORDS } from "../words.js";

const on = h("input", { type: "checkbox", checked: kept("keys", true), onchange: () => keep("keys", on.checked) });
const dialog = h("dialog", { class: "help", "aria-label": WORDS.help },
  h("h2", {}, WORDS.help),
  h("dl", {}, KEYS.map(([keys, what]) => [h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what)])),
  h("label", { class: "rules" }, on, WORDS.keysOn),
  h("form", { method: "dialog" }, h("button", { class: "primary" }, WORDS.close)));

export const keysWork = () => on.checked;

export function showHelp() {
  document.body.append(dialog);
  if (!dialog.open) dialog.showModal();
}
