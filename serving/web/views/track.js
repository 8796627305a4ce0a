/** A track, and what sounds like it: more and less like others, and what the rules hid. */

import { get, latest, post, trackPath } from "../api.js";
import { h, iconButton, render, say } from "../dom.js";
import { change, state } from "../store.js";
import { about, coloured, enqueue, glyph, markPlaying, nameOf, row } from "../tracks.js";
import { player } from "../player/player.js";
import { RULES, shortList, WORDS } from "../words.js";
import { EMPTY, filterFields } from "./filters.js";
import { journeyButton } from "./journey.js";
import { sentence } from "./messages.js";
import { saveButton } from "./playlists.js";

const PAGE = 20;
const HEARD = 5; // the filter looks at a track's five strongest
const SAME_RECORDING = 0.985; // cosine: docs/api.md, `duplicate_threshold`

const known = new Map(); // tracks that were shown, for the names of examples
const askTrack = latest((signal, id) => get(trackPath(id), {}, signal));
const askSimilar = latest((signal, request) => post("v1/search", request, signal));

/** Return the search that the address says. */
function request(cursor) {
  const { path_prefix, year_from, year_to, genres, tags } = filterFields();
  return {
    positive: [state.track, ...state.like], negative: state.not, limit: PAGE, cursor,
    filter: { genres, tags, path_prefix: path_prefix ?? null, year_from, year_to },
    per_artist: state.allOfArtist ? null : 1,
    duplicate_threshold: state.editions ? null : SAME_RECORDING,
  };
}

export async function showTrack(view, isNew) {
  const id = state.track;
  if (isNew) render(view, h("div", { id: "about-track" }), h("div", { id: "similar", "aria-busy": "true" }));
  showSimilar(view.querySelector("#similar"), id);
  if (!isNew && known.has(id)) return showAbout(view.querySelector("#about-track"), known.get(id));
  try {
    const track = await askTrack(id);
    if (!track || state.track !== id) return;
    known.set(id, track);
    showAbout(view.querySelector("#about-track"), track, isNew);
  } catch (error) {
    render(view, error.kind === "unknown-track" ? h("p", {}, WORDS.unknownTrack) : sentence(error, () => showTrack(view, true)));
  }
}

function showAbout(box, track, isNew) {
  const heard = track.tags.slice(0, HEARD).map((tag) => {
    const on = state.tags.includes(tag.word);
    const flip = () => change({ tags: on ? state.tags.filter((each) => each !== tag.word) : [...state.tags, tag.word] });
    return h("button", { type: "button", class: "chip", "aria-pressed": String(on), "data-key": `heard${tag.word}`, onclick: flip }, h("i", coloured(tag.word, "dot")), tag.word);
  });
  render(box, h("div", { class: "title-block", "data-track": track.id },
    h("button", { type: "button", class: "cover big", "aria-label": WORDS.play(nameOf(track)), onclick: () => player.toggle(track, context(track)), "data-key": "play" }, glyph(track, 72), playIcons()),
    h("div", {}, h("h2", { tabindex: "-1", dir: "auto" }, track.title), h("p", { class: "about", dir: "auto" }, about(track)))),
  heard.length > 0 && h("p", { class: "chips", "aria-label": WORDS.heard }, heard),
  h("p", { class: "buttons" },
    h("button", { type: "button", class: "primary", "data-key": "play-text", onclick: () => player.toggle(track, context(track)) }, "▶\u2002Play"),
    h("button", { type: "button", "data-key": "queue", onclick: () => enqueue(track) }, WORDS.queue, " +"),
    journeyButton(track)));
  markPlaying();
  if (isNew && document.activeElement === document.body) box.querySelector("h2").focus({ preventScroll: true });
}

const playIcons = () => h("span", { class: "triangle", "aria-hidden": "true" }, "▶");
let shown = { name: "", tracks: [] };
const context = (track) => ({ name: WORDS.like_(track.title), tracks: shown.of === track.id ? shown.tracks : [] });

async function showSimilar(box, id) {
  box.setAttribute("aria-busy", "true");
  try {
    const page = await askSimilar(request(null));
    if (!page || state.track !== id) return;
    await nameExamples();
    shown = { of: id, name: WORDS.like_(known.get(id)?.title ?? ""), tracks: [] };
    const rows = h("ol", { class: "rows" });
    const foot = h("div", { class: "foot" });
    render(box,
      h("div", { class: "head" }, h("h3", {}, WORDS.similarTo(1 + state.like.length)), rules()),
      examples(), rows, foot);
    add(rows, foot, page);
    if (player.current?.id === id && player.queue.rest.length === 0) player.queue.goOnWith(shown);
    say(WORDS.found(page.items.length));
  } catch (error) {
    render(box, sentence(error, error.kind === "not-in-index" ? null : () => showSimilar(box, id)));
  }
  box.removeAttribute("aria-busy");
}

function add(rows, foot, page) {
  for (const item of page.items) {
    known.set(item.track.id, item.track);
    shown.tracks.push(item.track);
    const name = item.track.title;
    const actions = [
      iconButton("add", WORDS.moreLike(name), () => prefer("like", item.track.id), { "data-key": `like${item.track.id}` }),
      iconButton("minus", WORDS.lessLike(name), () => prefer("not", item.track.id), { "data-key": `not${item.track.id}` }),
    ];
    rows.append(row(item.track, shown, { percentile: nearness(item), rank: item.rank, actions, key: "s" }));
  }
  const more = async () => {
    try {
      const next = await askSimilar(request(page.next_cursor));
      if (next) add(rows, foot, next);
    } catch (error) {
      render(foot, sentence(error, () => change({ track: state.track })));
    }
  };
  render(foot,
    page.next_cursor ? h("button", { type: "button", "data-key": "more", onclick: more }, WORDS.more) : hidden(page.removed, shown.tracks.length === 0),
    shown.tracks.length > 0 && saveButton(shown.name, () => shown.tracks));
  markPlaying();
  change({ near: shown.tracks.map((track) => track.id) });
}

// Away from a track, cosines are lower all over: they say nothing of how near two tracks are.
const nearness = (item) => (state.not.length ? null : item.percentile);

/** Say which rules hid how many tracks, with a button that loosens each. */
function hidden(removed, isEmpty) {
  const rules = Object.entries(RULES).filter(([rule]) => removed[rule] > 0);
  if (rules.length === 0) return isEmpty ? h("p", {}, WORDS.only) : null;
  const buttons = rules.filter(([, { loosen }]) => loosen).map(([rule, { loosen }]) => h("button", { type: "button", class: "chip", "data-key": `loosen${rule}`, onclick: () => change(LOOSER[rule]) }, loosen));
  return h("div", { class: "hidden-by" }, h("p", {}, shortList(rules.map(([rule, { hid }]) => hid(removed[rule])), isEmpty)), h("p", { class: "chips" }, buttons));
}

const LOOSER = { filter: EMPTY, per_artist: { allOfArtist: true }, duplicate_threshold: { editions: true } };

const rules = () => h("div", { class: "rules" },
  rule(WORDS.artistRule, !state.allOfArtist, (on) => change({ allOfArtist: !on })),
  rule(WORDS.editionRule, !state.editions, (on) => change({ editions: !on })));

const rule = (text, on, act) => h("label", {}, h("input", { type: "checkbox", checked: on, "data-key": text, onchange: (event) => act(event.target.checked) }), text);

/** Move the search towards a track, or away from it. */
export function prefer(field, id) {
  const other = field === "like" ? "not" : "like";
  if (state[field].includes(id)) return;
  change({ [field]: [...state[field], id].slice(-19), [other]: state[other].filter((each) => each !== id) });
}

function examples() {
  const chips = ["like", "not"].flatMap((field) => state[field].map((id) => {
    const name = known.get(id)?.title ?? id;
    const drop = () => change({ [field]: state[field].filter((each) => each !== id) });
    return h("button", { type: "button", class: `chip ${field}`, "aria-label": WORDS.remove(name), "data-key": `x${id}`, onclick: drop }, h("b", {}, WORDS[field]), h("span", { dir: "auto" }, name), " ×");
  }));
  return chips.length > 0 && h("p", { class: "chips" }, chips);
}

async function nameExamples() {
  const unknown = [...state.like, ...state.not].filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const page = await get("v1/tracks", { ids: unknown, limit: 200 });
  for (const track of page.items) known.set(track.id, track);
}
