/** The tracks that were drawn around on the map, as a list. */

import { button, h, heading, render } from "../dom.js";
import { state } from "../store.js";
import { playAll, row } from "../tracks.js";
import { player } from "../player/player.js";
import { count, tracks as countOf, WORDS } from "../words.js";
import { sentence } from "./messages.js";
import { saveButton } from "./playlists.js";

const MOST = 1000; // as many as a playlist has

export async function showArea(view) {
  const area = state.area;
  if (!area) { render(view, heading(WORDS.area), h("p", {}, WORDS.areaNone)); return; }
  try {
    area.tracks ??= (await area.names.ofRows(area.rows.slice(0, MOST))).filter(Boolean); // once: rows are others in the next index
    const tracks = area.tracks;
    if (!view.isConnected || state.area !== area) return;
    const context = { name: WORDS.area, tracks };
    render(view,
      heading(WORDS.area), h("p", { class: "about" }, countOf(area.rows.length), area.rows.length > MOST && WORDS.areaFirst(count(MOST))),
      tracks.length > 0 && h("p", { class: "buttons" },
        playAll(context),
        button([WORDS.queue, " +"], () => player.enqueue(...tracks), { "data-key": "queue" }),
        saveButton(WORDS.area, () => tracks)),
      h("ol", { class: "rows" }, tracks.map((track) => row(track, context, { key: "m" }))));
  } catch (error) {
    render(view, heading(WORDS.area), sentence(error, error.kind === "index-changed" ? null : () => showArea(view)));
  }
}
