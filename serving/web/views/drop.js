/** A file from elsewhere: it is sent and listened to once; what sounds like it is searched by what came of that. */

import { latest, send } from "../api.js";
import { openView } from "../address.js";
import { button, h, heading, notice, render } from "../dom.js";
import { state } from "../store.js";
import { WORDS } from "../words.js";
import { sentence } from "./messages.js";
import { showSimilar } from "./similar.js";

let file = null;
let heard = null; // the server's answer to `file`
const chooser = h("input", { type: "file", accept: "audio/*,video/webm,.wv,.ape,.dsf,.mka,.tta,.opus", hidden: true, "aria-label": WORDS.drop });
const ask = latest(async (signal, body) =>
  (await send("v1/search/audio?limit=1", { method: "POST", body, signal, headers: { "Content-Type": "application/octet-stream" } })).json());

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
  [file, heard] = [files[0], null];
  return openView({ show: "drop" });
}

export async function showDropped(view) {
  const dropped = file;
  const choose = (words) => h("p", { class: "buttons" }, button(words, chooseFile, { class: "primary", "data-key": "choose" }));
  if (!dropped) {
    render(view, heading(WORDS.drop), h("p", {}, WORDS.dropHere), choose(WORDS.drop));
    return;
  }
  const title = heading(dropped.name);
  try {
    if (!heard) {
      render(view, title, h("p", { class: "working", role: "status" }, WORDS.listening(dropped.name)));
      const found = await ask(dropped);
      if (!found || file !== dropped) return;
      heard = found;
    }
    if (view.isConnected) await showHeard(view, title, dropped.name);
  } catch (error) {
    render(view, title, sentence(error, () => showDropped(view)), choose(WORDS.dropAnother));
  }
}

async function showHeard(view, title, name) {
  const { in_index: isKnown, track_id: id, vector, items: [nearest] } = heard;
  const said = isKnown ? WORDS.droppedKnown(name) : nearest ? WORDS.dropped(name, nearest.track.title) : WORDS.only;
  const box = view.querySelector("#similar") ?? h("div", { id: "similar" });
  render(view, title,
    h("p", { role: "status" }, said, isKnown && [" ", button(WORDS.show, () => openView({ track: id }))]),
    box, h("div", { class: "foot" }, button(WORDS.dropAnother, chooseFile, { "data-key": "choose" })));
  await showSimilar(box, isKnown ? { positive: [id] } : { vector }, () => WORDS.like_(name));
}
