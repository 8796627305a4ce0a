/** The sheet on the right: what the address says, as one view at a time. */

import { close } from "../address.js";
import { h, iconButton, render } from "../dom.js";
import { state, watch } from "../store.js";
import { WORDS } from "../words.js";
import { showArea } from "./area.js";
import { showCollection } from "./collection.js";
import { showDropped } from "./drop.js";
import { showJourney } from "./journey.js";
import { sentence } from "./messages.js";
import { showPlaylist, showPlaylists } from "./playlists.js";
import { showQueue } from "./queue.js";
import { showTrack } from "./track.js";
import { showWelcome } from "./welcome.js";

const sheet = document.getElementById("sheet");
const ADDRESS = ["track", "like", "not", "genres", "tags", "root", "folder", "years", "allOfArtist", "editions", "from", "to", "steps", "list", "show"];
const VIEWS = { queue: showQueue, lists: showPlaylists, state: showCollection, drop: showDropped, area: showArea };

/** Name the view that the address means, and what draws it. */
function chosen() {
  if (VIEWS[state.show]) return [state.show, VIEWS[state.show]];
  if (state.from && state.to) return ["journey", showJourney];
  if (state.list) return ["list", showPlaylist];
  if (state.track) return ["track", showTrack];
  return ["welcome", showWelcome];
}

export function showSheet() {
  let before = null;
  watch(["caller"], () => { if (state.show === "state") draw(showCollection); });
  watch([...ADDRESS, "opened", "index"], () => {
    const [name, show] = chosen();
    const identity = [name, state.track, state.list].join(" ");
    const isNew = identity !== before;
    before = identity;
    sheet.dataset.view = name;
    document.body.classList.toggle("has-sheet", name !== "welcome");
    if (isNew) {
      render(sheet, iconButton("close", WORDS.close, close, { class: "round close" }), h("div", { id: "view" }));
      sheet.scrollTop = 0;
    }
    draw(show, isNew);
  });
}

/** Draw a view, or say what went wrong. */
async function draw(show, isNew) {
  const view = document.getElementById("view");
  try {
    await show(view, isNew);
  } catch (error) {
    if (view.isConnected) render(view, sentence(error, () => draw(show, true)));
  }
}
