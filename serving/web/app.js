/** The page: its parts are put together here. */

import { close, keepAddress, openView, readAddress } from "./address.js";
import { button, h, icon, render } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { follow } from "./live.js";
import { showMap } from "./map/view.js";
import { showPlayer } from "./player/bar.js";
import { change, state, watch } from "./store.js";
import { within } from "./tracks.js";
import { sentenceOf } from "./views/collection.js";
import { takeFiles } from "./views/drop.js";
import { showHelp } from "./views/help.js";
import { askForKey } from "./views/key.js";
import { showList } from "./views/list.js";
import { showSheet } from "./views/sheet.js";
import { WORDS } from "./words.js";

const home = document.getElementById("home");
const menu = document.getElementById("menu");
const banner = document.getElementById("banner");

function showMenu() {
  const status = button([], () => openView({ show: state.show === "state" ? null : "state" }), { class: "status", "aria-label": WORDS.state });
  const entry = (name, label, show) => button([icon(name), h("span", {}, label)], () => (state.show === show ? close() : openView({ show })), { "aria-label": label, title: label });
  render(menu, status, entry("drop", WORDS.drop, "drop"), entry("lists", WORDS.playlists, "lists"),
    button("?", showHelp, { class: "keys", "aria-label": WORDS.help, title: WORDS.help }));
  watch(["pipeline", "stats", "down"], () => {
    if (!state.pipeline) return;
    status.dataset.state = state.down ? "down" : state.pipeline.state;
    const [does, failed] = [sentenceOf(state.pipeline), state.stats?.failed_files ?? 0];
    render(status, h("i", { "aria-hidden": "true" }), h("span", {}, state.down ? WORDS.state : does), failed > 0 && h("b", { title: WORDS.failures(failed) }, failed));
    status.setAttribute("aria-label", `${WORDS.state}: ${does}${failed ? `, ${WORDS.failures(failed)}` : ""}`);
  });
}

function showBanner() {
  watch(["down", "newest", "index"], () => {
    const isNew = state.index && state.newest && state.newest.version !== state.index.version;
    const more = isNew ? state.newest.tracks - state.index.tracks : 0;
    const text = state.down ? WORDS.down : isNew ? WORDS.newIndex(more) : "";
    if (banner.dataset.text === text) return;
    banner.dataset.text = text;
    render(banner, text && h("p", {}, text, " ", !state.down && button(WORDS.show, () => change({ index: state.newest }))));
  });
}

function start() {
  home.addEventListener("click", (event) => within(() => { close(); change({ q: "" }); })(event));
  showMenu();
  showBanner();
  showPlayer();
  showList();
  showSheet();
  askForKey();
  takeFiles();
  listenToKeys();
  keepAddress();
  watch(["opened"], follow);
  readAddress();
  showMap();
  follow();
}

start();
