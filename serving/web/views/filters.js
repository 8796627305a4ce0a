/** The filter: heard words and genres as chips, folders and years; for the list and what is near. */

import { get } from "../api.js";
import { h, render } from "../dom.js";
import { change, state, watch } from "../store.js";
import { coloured } from "../tracks.js";
import { count, WORDS } from "../words.js";

const SHOWN = 12;
export const EMPTY = { genres: [], tags: [], folder: null, years: [null, null] };

/** Return the fields of the API's filter. */
export const filterFields = () => ({
  genres: state.genres, tags: state.tags, path_prefix: state.folder,
  year_from: state.years[0], year_to: state.years[1],
});

export const filterCount = () => state.genres.length + state.tags.length + (state.folder ? 1 : 0) + (state.years.some((each) => each !== null) ? 1 : 0);
export const hasFilter = () => filterCount() > 0;

const values = { tags: [], genres: [], folders: [], years: [] };
const summary = h("summary", {});
const body = h("div", { class: "fields" });
const panel = h("details", { class: "filter" }, summary, body);

export function filterPanel() {
  watch(["genres", "tags", "folder", "years", "palette"], draw);
  watch(["index", "opened"], loadValues);
  draw();
  loadValues();
  return panel;
}

async function loadValues() {
  try {
    const pages = await Promise.all(Object.keys(values).map((facet) => get(`v1/facets/${facet}`, { limit: facet === "years" ? 200 : SHOWN })));
    Object.keys(values).forEach((facet, position) => { values[facet] = pages[position].items; });
    change({ palette: new Map(values.tags.map((tag, position) => [tag.value, position])) });
  } catch {
    // The lists say that the server does not answer.
  }
}

function draw() {
  summary.textContent = hasFilter() ? WORDS.filtered(filterCount()) : WORDS.filter;
  const folders = values.folders.length > 1 || state.folder;
  const years = values.years.length > 0 || state.years.some((each) => each !== null);
  render(body,
    values.tags.length > 0 && group(WORDS.heardWords, chips("tags", values.tags, true)),
    values.genres.length > 0 && group(WORDS.genres, chips("genres", values.genres, false)),
    folders && group(WORDS.folders, values.folders.map((each) => folderChip(each))),
    years && group(WORDS.years, [year(0, WORDS.from), year(1, WORDS.to)]),
    hasFilter() && h("button", { type: "button", "data-key": "clear", onclick: () => change(EMPTY) }, WORDS.clearFilter));
}

const group = (name, content) => h("fieldset", {}, h("legend", {}, name), h("div", { class: "chips" }, content));

function chips(field, items, isColoured) {
  const extra = state[field].filter((value) => !items.some((each) => each.value === value)).map((value) => ({ value, tracks: null }));
  return [...items, ...extra].map(({ value, tracks }) => {
    const on = state[field].includes(value);
    const flip = () => change({ [field]: on ? state[field].filter((each) => each !== value) : [...state[field], value] });
    return chip(value, tracks, on, flip, isColoured);
  });
}

function folderChip({ value, tracks }) {
  const on = state.folder === value;
  return chip(value.replace(/\/$/, ""), tracks, on, () => change({ folder: on ? null : value }), false);
}

const chip = (text, tracks, on, onclick, isColoured) =>
  h("button", { type: "button", class: "chip", "aria-pressed": String(on), onclick, "data-key": `chip${text}` },
    isColoured && h("i", coloured(text, "dot")), h("span", { dir: "auto" }, text), tracks !== null && h("small", {}, count(tracks)));

function year(position, label) {
  const known = values.years.map((each) => Number(each.value)).sort((a, b) => a - b);
  const hint = position ? known.at(-1) : known[0];
  const input = h("input", { type: "number", min: "0", max: "9999", inputmode: "numeric", value: state.years[position] ?? "", placeholder: hint ?? "", "data-key": `year${position}` });
  input.addEventListener("change", () => {
    const years = [...state.years];
    years[position] = input.value === "" ? null : Math.min(9999, Math.max(0, Number(input.value)));
    change({ years });
  });
  return h("label", {}, label, " ", input);
}
