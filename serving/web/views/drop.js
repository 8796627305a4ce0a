/** A file from elsewhere: it is listened to once, and what sounds like it is shown. */

import { latest, send } from "../api.js";
import { openView } from "../address.js";
import { h, notice, render } from "../dom.js";
import { state } from "../store.js";
import { markPlaying, row } from "../tracks.js";
import { WORDS } from "../words.js";
import { sentence } from "./messages.js";
import { saveButton } from "./playlists.js";

let file = null;
const chooser = h("input", { type: "file", accept: "audio/*,video/webm,.wv,.ape,.dsf,.mka,.tta,.opus", hidden: true, "aria-label": WORDS.drop });
const ask = latest(async (signal, body) =>
  (await send("v1/search/audio?limit=20", { method: "POST", body, signal, headers: { "Content-Type": "application/octet-stream" } })).json());

export const chooseFile = () => chooser.click();

export function takeFiles() {
  document.body.append(chooser);
  chooser.addEventListener("change", () => { take(chooser.files); chooser.value = ""; });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  for (const name of ["dragleave", "drop"]) addEventListener(name, (event) => { if (name === "drop" || !event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

function take(files) {
  if (files.length > 1) return notice(WORDS.droppedTwo);
  if (files.length === 0) return undefined;
  file = files[0];
  return openView({ show: "drop" });
}

export async function showDropped(view) {
  const dropped = file;
  if (!dropped) {
    render(view, h("h2", { tabindex: "-1" }, WORDS.drop), h("p", {}, WORDS.dropHere), h("p", { class: "buttons" }, h("button", { type: "button", class: "primary", "data-key": "choose", onclick: chooseFile }, WORDS.drop)));
    return;
  }
  render(view, h("h2", { tabindex: "-1", dir: "auto" }, dropped.name), h("p", { class: "working", role: "status" }, WORDS.listening(dropped.name)));
  try {
    const found = await ask(dropped);
    if (!found || !view.isConnected || file !== dropped) return;
    const tracks = found.items.map((item) => item.track);
    const context = { name: WORDS.like_(dropped.name), tracks };
    const said = found.in_index ? WORDS.droppedKnown(dropped.name) : tracks.length ? WORDS.dropped(dropped.name, tracks[0].title) : WORDS.nothingFiltered;
    render(view, h("h2", { tabindex: "-1", dir: "auto" }, dropped.name),
      h("p", { role: "status" }, said, found.in_index && [" ", h("button", { type: "button", onclick: () => openView({ track: found.track_id }) }, WORDS.show)]),
      h("h3", {}, WORDS.similar),
      h("ol", { class: "rows" }, found.items.map((item) => row(item.track, context, { percentile: item.percentile, rank: item.rank, key: "d" }))),
      h("div", { class: "foot" }, tracks.length > 0 && saveButton(context.name, () => tracks), h("button", { type: "button", onclick: chooseFile }, WORDS.drop)));
    markPlaying();
  } catch (error) {
    render(view, h("h2", { tabindex: "-1", dir: "auto" }, dropped.name), sentence(error, () => showDropped(view)),
      h("p", { class: "buttons" }, h("button", { type: "button", onclick: chooseFile }, WORDS.drop)));
  }
}
