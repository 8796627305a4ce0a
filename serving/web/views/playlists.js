/** Playlists: kept in this browser, written by the server as M3U8 or JSPF. */

import { get, send } from "../api.js";
import { close, openView } from "../address.js";
import { button, h, heading, iconButton, notice, render } from "../dom.js";
import { keep, kept } from "../kept.js";
import { state } from "../store.js";
import { nameOf, playAll, row } from "../tracks.js";
import { tracks as countOf, WORDS } from "../words.js";
import { tell } from "./messages.js";

const MOST = 1000;
const PAGE = 200;

const all = () => kept("playlists", []);
const find = (id) => all().find((each) => each.id === id);
const now = () => new Date().toISOString();
const update = (id, changes) => keepAll(all().map((each) => (each.id === id ? { ...each, ...changes, changed_at: now() } : each)));

/** Keep the playlists, or say that this browser does not. */
function keepAll(lists) {
  const isKept = keep("playlists", lists);
  if (!isKept) notice(WORDS.notKept);
  return isKept;
}

/** Make a button that saves the tracks of a list. */
export function saveButton(name, tracks) {
  const save = () => {
    const list = { id: crypto.randomUUID?.() ?? String(Date.now()), name: name.slice(0, 200), tracks: tracks().map((each) => each.id).slice(0, MOST), made_from: location.search, changed_at: now() };
    if (keepAll([list, ...all()])) notice(WORDS.saved(list.name), WORDS.show, () => openView({ list: list.id }));
  };
  return button(WORDS.save, save, { "data-key": "save" });
}

export function showPlaylists(view) {
  const lists = all();
  render(view, heading(WORDS.playlists),
    lists.length === 0 && h("p", {}, WORDS.playlistsEmpty),
    h("ul", { class: "names" }, lists.map((list) => h("li", {},
      button([h("span", { class: "title", dir: "auto" }, list.name), h("span", { class: "about" }, countOf(list.tracks.length))], () => openView({ list: list.id }), { class: "link", "data-key": list.id }),
      iconButton("close", WORDS.deleteList(list.name), () => remove(list, view))))));
}

function remove(list, view) {
  const before = all();
  if (!keepAll(before.filter((each) => each.id !== list.id))) return;
  if (view.isConnected) showPlaylists(view);
  notice(WORDS.deleted, WORDS.undo, () => { keepAll(before); if (state.show === "lists" && view.isConnected) showPlaylists(view); });
}

export async function showPlaylist(view) {
  const list = find(state.list);
  if (!list) return close();
  const byId = new Map();
  for (let first = 0; first < list.tracks.length; first += PAGE) {
    const page = await get("v1/tracks", { ids: list.tracks.slice(first, first + PAGE), limit: PAGE });
    for (const track of page.items) byId.set(track.id, track);
  }
  if (state.list === list.id && view.isConnected) draw(view, list, byId);
}

/** Draw a playlist. It keeps the ids of tracks that are away, and which may come back. */
function draw(view, list, byId) {
  const places = list.tracks.map((id, place) => place).filter((place) => byId.has(list.tracks[place])); // of those that are here
  const tracks = places.map((place) => byId.get(list.tracks[place]));
  const context = { name: list.name, tracks };
  const name = h("input", { value: list.name, maxlength: "200", "aria-label": WORDS.rename, class: "name", dir: "auto", "data-key": "name", onchange: () => update(list.id, { name: name.value.trim() || list.name }) });
  const base = h("input", { value: kept("base", ""), maxlength: "4000", placeholder: WORDS.base_, "data-key": "base", onchange: () => keep("base", base.value.trim()) });
  const edit = (ids) => {
    if (update(list.id, { tracks: ids })) draw(view, find(list.id), byId);
  };
  const without = (position) => edit(list.tracks.toSpliced(places[position], 1));
  const raised = (position) => edit(list.tracks.toSpliced(places[position], 1).toSpliced(places[position - 1], 0, list.tracks[places[position]]));
  const actions = (position) => [
    position > 0 && iconButton("up", WORDS.up(nameOf(tracks[position])), () => raised(position), { "data-key": `up${position}` }),
    iconButton("close", WORDS.removeFrom(nameOf(tracks[position])), () => without(position), { "data-key": `out${position}` }),
  ];
  const missing = list.tracks.length - tracks.length;
  render(view, h("h2", { tabindex: "-1", class: "unseen" }, list.name), name,
    h("p", { class: "buttons" },
      tracks.length > 0 && playAll(context),
      ["m3u8", "jspf"].map((form) => button(form.toUpperCase(), () => download(name.value, tracks, form, base.value.trim()), { "data-key": form }))),
    h("label", { class: "field" }, WORDS.base, base),
    missing > 0 && h("p", {}, WORDS.gone(missing)),
    h("ol", { class: "rows" }, tracks.map((track, position) => row(track, context, { rank: position + 1, key: `p${position}`, actions: actions(position) }))));
}

async function download(title, tracks, format, base) {
  try {
    const body = JSON.stringify({ title, format, base, ids: tracks.map((each) => each.id) });
    const answer = await send("v1/playlists/file", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const address = URL.createObjectURL(await answer.blob());
    h("a", { href: address, download: `${title.replace(/[^\p{L}\p{N} ._-]+/gu, "_") || "soundalike"}.${format}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (error) {
    tell(error);
  }
}
