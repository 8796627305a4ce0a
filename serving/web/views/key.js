/** The key: asked for once, and then kept by the browser where no script can read it. */

import { onUnauthorized, send } from "../api.js";
import { h } from "../dom.js";
import { change } from "../store.js";
import { WORDS } from "../words.js";

const input = h("input", { type: "password", name: "key", autocomplete: "current-password", required: true, "aria-describedby": "key-problem", id: "key" });
const problem = h("p", { id: "key-problem", role: "alert", class: "problem" });
const form = h("form", { method: "dialog" },
  h("h2", {}, WORDS.key),
  h("label", { class: "field", for: "key" }, WORDS.keyLabel), input, problem,
  h("p", { class: "buttons" }, h("button", { class: "primary" }, WORDS.keyOpen)),
  h("p", { class: "about" }, WORDS.keyText, " ", h("code", {}, WORDS.keyCommand)));
const dialog = h("dialog", { class: "key", "aria-label": WORDS.key }, form);

export function askForKey() {
  document.body.append(dialog);
  onUnauthorized(() => { if (!dialog.open) dialog.showModal(); });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      await openWith(input.value.trim());
      input.value = "";
      dialog.close();
      change({ caller: null, opened: Date.now() }); // the follower asks whose key it is
    } catch (error) {
      problem.textContent = error.status === 401 ? WORDS.keyWrong : error.message;
      input.select();
    }
  });
}

/** Send the key once. A header holds bytes, and so does a key. */
async function openWith(key) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(key));
  await send("v1/session", { method: "POST", headers: { "X-API-Key": bytes } });
}

export async function forgetKey() {
  await send("v1/session", { method: "DELETE" }).catch(() => {});
  location.reload();
}
