/** The queue: what a person put into it, and the list that goes on after it. */

import { button, h, heading, iconButton, render } from "../dom.js";
import { state } from "../store.js";
import { nameOf, row } from "../tracks.js";
import { player } from "../player/player.js";
import { WORDS } from "../words.js";
import { saveButton } from "./playlists.js";

const SHOWN = 30;

export function showQueue(view) {
  const { current, upcoming, context, rest } = player.queue;
  const out = (position) => iconButton("close", WORDS.remove(nameOf(upcoming[position])), () => { player.queue.remove(position); showQueue(view); }, { "data-key": `out${position}` });
  render(view,
    heading(WORDS.queue),
    current && [h("h3", {}, WORDS.nowPlaying), h("ol", { class: "rows" }, row(current, null, { key: "c" }))],
    upcoming.length > 0
      ? [h("div", { class: "head" }, h("h3", {}, WORDS.nextUp), button(WORDS.clear, () => { player.queue.clear(); showQueue(view); }, { "data-key": "clear" })),
        h("ol", { class: "rows" }, upcoming.map((track, position) => row(track, null, { key: `q${position}`, actions: out(position) })))]
      : h("p", {}, WORDS.queueEmpty),
    context && rest.length > 0 && [h("h3", {}, WORDS.then(context.name)), h("ol", { class: "rows" }, rest.slice(0, SHOWN).map((track) => row(track, context, { key: "r" })))],
    current && h("div", { class: "foot" }, saveButton(WORDS.queue, () => [current, ...upcoming])));
}

player.addEventListener("change", () => {
  const view = document.getElementById("view");
  if (state.show === "queue" && view && signature() !== drawn) {
    drawn = signature();
    showQueue(view);
  }
});

let drawn = "";
const signature = () => [player.current?.id, ...player.queue.upcoming.map((each) => each.id), player.queue.context?.name].join(" ");
