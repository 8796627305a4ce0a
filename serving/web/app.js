/** The page: its parts are put together here. */

import { close, keepAddress, openView, readAddress } from "./address.js";
import { h, icon, render } from "./dom.js";
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
  const status = h("button", { type: "button", class: "status", "aria-label": WORDS.state, onclick: () => openView({ show: state.show === "state" ? null : "state" }) });
  const entry = (name, label, show) => h("button", { type: "button", "aria-label": label, title: label, onclick: () => (state.show === show ? close() : openView({ show })) }, icon(name), h("span", {}, label));
  render(menu, status, entry("drop", WORDS.drop, "drop"), entry("lists", WORDS.playlists, "lists"),
    h("button", { type: "button", class: "keys", "aria-label": WORDS.help, title: WORDS.help, onclick: showHelp }, icon("help")));
  watch(["pipeline", "stats", "down"], () => {
    if (!state.pipeline) return;
    status.dataset.state = state.down ? "down" : state.pipeline.state;
    status.replaceChildren(h("i", { "aria-hidden": "true" }), h("span", {}, state.down ? WORDS.state : sentenceOf(state.pipeline)),
      state.stats?.failed_files > 0 && h("b", { title: WORDS.failures(state.stats.failed_files) }, state.stats.failed_files) || "");
    status.setAttribute("aria-label", `${WORDS.state}: ${sentenceOf(state.pipeline)}${state.stats?.failed_files ? `, ${WORDS.failures(state.stats.failed_files)}` : ""}`);
  });
}

function showBanner() {
  watch(["down", "newest", "index"], () => {
    const isNew = state.index && state.newest && state.newest.version !== state.index.version;
    const more = isNew ? state.newest.tracks - state.index.tracks : 0;
    const text = state.down ? WORDS.down : isNew ? WORDS.newIndex(more) : "";
    if (banner.dataset.text === text) return;
    banner.dataset.text = text;
    render(banner, text && h("p", {}, text, " ", !state.down && h("button", { type: "button", onclick: () => change({ index: state.newest }) }, WORDS.show)));
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
