/** The keyboard: single keys, unless somebody writes, or has turned them off. */

import { close, openView } from "./address.js";
import { get, trackPath } from "./api.js";
import { state } from "./store.js";
import { onMap } from "./map/view.js";
import { enqueue } from "./tracks.js";
import { player } from "./player/player.js";
import { chooseById } from "./views/journey.js";
import { keysWork, showHelp } from "./views/help.js";
import { tell } from "./views/messages.js";
import { prefer } from "./views/similar.js";

const WRITING = "input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]";
const pointed = () => document.activeElement?.closest?.("[data-track]")?.dataset.track ?? state.track;
const toggle = (show) => (state.show === show ? close() : openView({ show }));

// A dropped file is no track, and may be led towards one or away from it all the same.
const mayPrefer = (id) => (state.track ? id !== state.track : state.show === "drop");

const ACTS = {
  "/": () => { document.getElementById("q").focus(); document.getElementById("q").select(); },
  " ": () => player.playOrPause(),
  j: () => player.seek(player.audio.currentTime - 10),
  l: () => player.seek(player.audio.currentTime + 10),
  n: () => player.next(),
  b: () => player.previous(),
  m: () => player.mute(),
  q: () => toggle("queue"),
  p: () => toggle("lists"),
  "?": showHelp,
  arrowdown: () => hop(1),
  arrowup: () => hop(-1),
  e: () => withTrack(async (id) => enqueue(await get(trackPath(id)))),
  a: () => withTrack((id) => mayPrefer(id) && prefer("like", id)),
  x: () => withTrack((id) => mayPrefer(id) && prefer("not", id)),
  g: () => withTrack(chooseById),
  escape: () => (document.activeElement?.matches("input") ? document.activeElement.blur() : close()),
};

async function withTrack(act) {
  const id = pointed();
  if (id) await Promise.resolve(id).then(act).catch(tell);
}

/** Move the focus to the next track of the same list. */
function hop(by) {
  const here = document.activeElement?.closest?.(".rows")
    ?? document.querySelector(state.track ? "#sheet .rows" : "#rows");
  const links = [...(here?.querySelectorAll("[data-open]") ?? [])];
  const place = links.findIndex((each) => each.closest("li").contains(document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, place + by))]?.focus();
}

export function listenToKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const isWriting = event.target.matches?.(WRITING);
    if (isWriting && event.key !== "Escape") return;
    if (!keysWork() && event.key !== "Escape") return;
    const onControl = event.target.closest?.("button, a, summary, input, [role=slider]");
    if (event.key === " " && onControl) return;
    const key = event.key.toLowerCase();
    const act = onMap(key) ? () => {} : ACTS[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
