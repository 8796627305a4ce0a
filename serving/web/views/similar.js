/** What sounds like a track or a file: how near, more and less like others, and what the rules hid. */

import { get, latest, post } from "../api.js";
import { button, h, iconButton, render, say } from "../dom.js";
import { change, state } from "../store.js";
import { markPlaying, row } from "../tracks.js";
import { player } from "../player/player.js";
import { RULES, shortList, WORDS } from "../words.js";
import { EMPTY, filterFields } from "./filters.js";
import { sentence } from "./messages.js";
import { saveButton } from "./playlists.js";

const PAGE = 20;
const SAME_RECORDING = 0.985; // cosine: docs/api.md, `duplicate_threshold`

export const known = new Map(); // tracks that were shown, for the names of examples
const ask = latest((signal, request) => post("v1/search", request, signal));

/** Return the search that the address says, for an example: `{ positive: [id] }` or `{ vector }`. */
const request = ({ positive = [], vector }, cursor) => ({
  positive: [...positive, ...state.like], vector, negative: state.not, limit: PAGE, cursor,
  filter: filterFields(),
  per_artist: state.allOfArtist ? null : 1,
  duplicate_threshold: state.editions ? null : SAME_RECORDING,
});

/** Show what is like an example, and return the list of it, which grows by pages; undefined if that came too late. */
export async function showSimilar(box, example, nameOfList) {
  box.setAttribute("aria-busy", "true");
  try {
    const page = await ask(request(example, null));
    if (!page) return undefined;
    await nameExamples();
    if (!box.isConnected) return undefined;
    const shown = { name: nameOfList(), tracks: [] };
    const rows = h("ol", { class: "rows" });
    const foot = h("div", { class: "foot" });
    render(box,
      h("div", { class: "head" }, h("h3", {}, WORDS.similarTo(1 + state.like.length)), rules()),
      examples(), rows, foot);
    add({ example, shown, rows, foot }, page);
    say(WORDS.found(page.items.length));
    return shown;
  } catch (error) {
    render(box, sentence(error, error.kind === "not-in-index" ? null : () => showSimilar(box, example, nameOfList)));
    return undefined;
  } finally {
    box.removeAttribute("aria-busy");
  }
}

function add(list, page) {
  const { example, shown, rows, foot } = list;
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
      const next = await ask(request(example, page.next_cursor));
      if (next) add(list, next);
    } catch (error) {
      // A cursor belongs to one index: with another one the list begins anew.
      render(foot, sentence(error, error.kind === "index-changed" ? () => change({ like: state.like }) : more));
    }
  };
  render(foot,
    page.next_cursor ? button(WORDS.more, more, { "data-key": "more" }) : hidden(page.removed, shown.tracks.length === 0),
    shown.tracks.length > 0 && saveButton(shown.name, () => shown.tracks));
  markPlaying();
  change({ near: shown.tracks.map((track) => track.id) });
}

// Away from a track, cosines are lower all over: they say nothing of how near two tracks are.
const nearness = (item) => (state.not.length ? null : item.percentile);

/** Say which rules hid how many tracks, with a button that loosens each. */
function hidden(removed, isEmpty) {
  const hiding = Object.entries(RULES).filter(([rule]) => removed[rule] > 0);
  if (hiding.length === 0) return isEmpty ? h("p", {}, WORDS.only) : null;
  const buttons = hiding.filter(([, { loosen }]) => loosen).map(([rule, { loosen }]) => button(loosen, () => change(LOOSER[rule]), { class: "chip", "data-key": `loosen${rule}` }));
  return h("div", { class: "hidden-by" }, h("p", {}, shortList(hiding.map(([rule, { hid }]) => hid(removed[rule])), isEmpty)), h("p", { class: "chips" }, buttons));
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
  const chips = [["like", WORDS.like], ["not", WORDS.not]].flatMap(([field, word]) => state[field].map((id) => {
    const name = known.get(id)?.title ?? id;
    const drop = () => change({ [field]: state[field].filter((each) => each !== id) });
    return button([h("b", {}, word), h("span", { dir: "auto" }, name), " ×"], drop, { class: `chip ${field}`, "aria-label": WORDS.remove(name), "data-key": `x${id}` });
  }));
  return chips.length > 0 && h("p", { class: "chips" }, chips);
}

async function nameExamples() {
  const unknown = [...state.like, ...state.not].filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const page = await get("v1/tracks", { ids: unknown, limit: 200 });
  for (const track of page.items) known.set(track.id, track);
}
