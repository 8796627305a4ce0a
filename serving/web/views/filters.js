/** The filter: heard words and genres as chips, folders and years; for the list and what is near. */

import { get } from "../api.js";
import { button, h, render } from "../dom.js";
import { change, state, watch } from "../store.js";
import { coloured } from "../tracks.js";
import { count, WORDS } from "../words.js";

const SHOWN = 12;
export const EMPTY = { genres: [], tags: [], root: null, folder: null, years: [null, null] };

/** Return the fields of the API's filter. */
export const filterFields = () => ({
  genres: state.genres, tags: state.tags, roots: state.root ? [state.root] : [], path_prefix: state.folder,
  year_from: state.years[0], year_to: state.years[1],
});

const filterCount = () => state.genres.length + state.tags.length + (state.root || state.folder ? 1 : 0) + (state.years.some((each) => each !== null) ? 1 : 0);
export const hasFilter = () => filterCount() > 0;

const values = { tags: [], genres: [], folders: [], years: [] };
let isStale = false; // what was loaded failed, or was of an empty collection
const summary = h("summary", {});
const body = h("div", { class: "fields" });
const panel = h("details", { class: "filter" }, summary, body);

export function filterPanel() {
  watch(["genres", "tags", "root", "folder", "years", "palette"], draw);
  watch(["index", "opened"], loadValues);
  watch(["stats"], () => { if (isStale && state.stats?.tracks > 0) loadValues(); });
  draw();
  loadValues();
  return panel;
}

async function loadValues() {
  try {
    const pages = await Promise.all(Object.keys(values).map((facet) => get(`v1/facets/${facet}`, { limit: facet === "years" ? 200 : SHOWN })));
    Object.keys(values).forEach((facet, position) => { values[facet] = pages[position].items; });
    isStale = !state.stats?.tracks && Object.values(values).every((each) => each.length === 0);
    change({ palette: new Map(values.tags.map((tag, position) => [tag.value, position])) });
  } catch {
    isStale = true;
    // The lists say that the server does not answer; they are asked for again when it does.
  }
}

function draw() {
  summary.textContent = hasFilter() ? WORDS.filtered(filterCount()) : WORDS.filter;
  const folders = foldersToChoose();
  const years = values.years.length > 0 || state.years.some((each) => each !== null);
  render(body,
    values.tags.length > 0 && group(WORDS.heardWords, chips("tags", values.tags, true)),
    values.genres.length > 0 && group(WORDS.genres, chips("genres", values.genres, false)),
    folders.length > 0 && group(WORDS.folders, folders.map((each) => folderChip(each, new Set(folders.map(({ root }) => root)).size > 1))),
    years && group(WORDS.years, [year(0, WORDS.from), year(1, WORDS.to)]),
    hasFilter() && button(WORDS.clearFilter, () => change(EMPTY), { "data-key": "clear" }));
  panel.hidden = !body.hasChildNodes(); // nothing to choose
}

const group = (name, content) => h("fieldset", {}, h("legend", {}, name), h("div", { class: "chips" }, content));

function chips(field, items, isColoured) {
  const extra = state[field].filter((value) => !items.some((each) => each.value === value)).map((value) => ({ value, tracks: null }));
  return [...items, ...extra].map(({ value, tracks }) => {
    const on = state[field].includes(value);
    const flip = () => change({ [field]: on ? state[field].filter((each) => each !== value) : [...state[field], value] });
    return chip(value, tracks, on, flip, isColoured, `${field} ${value}`);
  });
}

const isChosen = ({ root, value }) => state.folder === value && state.root === root;

/** Return the folders that one may choose, and the one that is chosen; none where there is only one. */
function foldersToChoose() {
  const isFiltered = state.root !== null || state.folder !== null;
  const other = isFiltered && !values.folders.some(isChosen) ? [{ root: state.root, value: state.folder, tracks: null }] : [];
  return values.folders.length > 1 || isFiltered ? [...values.folders, ...other] : [];
}

/** A folder is of a music root; its name is there where folders of several are. */
function folderChip(folder, isNamed) {
  const { root, value, tracks } = folder;
  const on = isChosen(folder);
  const path = (value ?? "").replace(/\/$/, "");
  const flip = () => change(on ? { root: null, folder: null } : { root, folder: value });
  return chip(isNamed || !path ? [root, path].filter(Boolean).join(" / ") : path, tracks, on, flip, false, `folder ${root} ${value}`);
}

const chip = (text, tracks, on, onclick, isColoured, key) =>
  button([isColoured && h("i", coloured(text, "dot")), h("span", { dir: "auto" }, text), tracks !== null && h("small", {}, count(tracks))], onclick, { class: "chip", "aria-pressed": String(on), "data-key": key });

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
