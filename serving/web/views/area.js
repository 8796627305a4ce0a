/** The tracks that were drawn around on the map, as a list. */

import { h, render } from "../dom.js";
import { state } from "../store.js";
import { row } from "../tracks.js";
import { player } from "../player/player.js";
import { count, tracks as countOf, WORDS } from "../words.js";
import { sentence } from "./messages.js";
import { saveButton } from "./playlists.js";

const MOST = 1000; // as many as a playlist has

export async function showArea(view) {
  const area = state.area;
  if (!area) { render(view, h("h2", { tabindex: "-1" }, WORDS.area), h("p", {}, WORDS.areaNone)); return; }
  try {
    area.tracks ??= (await area.names.ofRows(area.rows.slice(0, MOST))).filter(Boolean); // once: rows are others in the next index
    const tracks = area.tracks;
    if (!view.isConnected || state.area !== area) return;
    const context = { name: WORDS.area, tracks };
    render(view,
      h("h2", { tabindex: "-1" }, WORDS.area), h("p", { class: "about" }, countOf(area.rows.length), area.rows.length > MOST && WORDS.areaFirst(count(MOST))),
      tracks.length > 0 && h("p", { class: "buttons" },
        h("button", { type: "button", class: "primary", "data-key": "play", onclick: () => player.play(tracks[0], context) }, "▶\u2002", WORDS.playAll),
        h("button", { type: "button", "data-key": "queue", onclick: () => player.enqueue(...tracks) }, WORDS.queue, " +"),
        saveButton(WORDS.area, () => tracks)),
      h("ol", { class: "rows" }, tracks.map((track) => row(track, context, { key: "m" }))));
  } catch (error) {
    render(view, h("h2", { tabindex: "-1" }, WORDS.area), sentence(error, error.kind === "index-changed" ? null : () => showArea(view)));
  }
}
