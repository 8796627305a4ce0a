/** The list on the left: the whole collection, or what the words and the filter leave of it. */

import { get, latest } from "../api.js";
import { button, h, render, say } from "../dom.js";
import { change, state, watch } from "../store.js";
import { markPlaying, row } from "../tracks.js";
import { count, WORDS } from "../words.js";
import { EMPTY, filterFields, filterPanel, hasFilter } from "./filters.js";
import { sentence } from "./messages.js";

const PAGE = 50;
const TYPING_MS = 120;
const list = document.getElementById("list");
const rows = h("ol", { class: "rows", id: "rows" });
const heading = h("h2", { tabindex: "-1" });
const foot = h("div", { class: "foot" });
const context = { name: "", tracks: [] };
let cursor = null;
let isEmpty = false;

const ask = latest((signal, after) => get("v1/tracks", { q: state.q, limit: PAGE, cursor: after, ...filterFields() }, signal));

export function showList() {
  render(list, h("div", { class: "head" }, heading, filterPanel()), rows, foot);
  watch(["q", "genres", "tags", "root", "folder", "years", "index", "opened"], reload);
  watch(["stats"], () => { if (isEmpty && state.stats?.tracks > 0) reload(); });
  watch(["track"], () => { for (const each of rows.children) each.classList.toggle("open", each.dataset.track === state.track); });
  const [form, input] = [document.getElementById("search"), document.getElementById("q")];
  let typing;
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ q: input.value }), TYPING_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    if (input.value !== state.q) change({ q: input.value }); // the same rows, drawn again, would lose the focus
    rows.querySelector("a")?.focus();
  });
  watch(["q", "stats"], () => {
    if (input.value !== state.q && document.activeElement !== input) input.value = state.q;
    input.placeholder = WORDS.search(state.stats?.tracks ?? null);
  });
}

async function reload() {
  list.setAttribute("aria-busy", "true");
  try {
    const page = await ask(null);
    if (!page) return;
    context.tracks = [];
    context.name = state.q || WORDS.whole;
    rows.replaceChildren();
    add(page);
    heading.textContent = state.q || hasFilter() ? WORDS.found(page.total) : WORDS.whole;
    if (state.q || hasFilter()) delete heading.dataset.count;
    else heading.dataset.count = count(page.total);
    say(WORDS.found(page.total));
    isEmpty = page.total === 0 && !state.q && !hasFilter();
    if (page.total === 0) none(page);
  } catch (error) {
    rows.replaceChildren();
    render(foot, sentence(error, reload));
  }
  list.removeAttribute("aria-busy");
}

function add(page) {
  context.tracks.push(...page.items);
  rows.append(...page.items.map((track) => row(track, context, { key: "l" })));
  cursor = page.next_cursor;
  render(foot, cursor && button(WORDS.more, more, { "data-key": "more" }));
  markPlaying();
}

async function more() {
  try {
    const page = await ask(cursor);
    if (page) add(page);
  } catch (error) {
    render(foot, sentence(error, more));
  }
}

function none(page) {
  if (state.q) {
    const near = page.did_you_mean.map((name) => button(name, () => change({ q: name }), { class: "chip" }));
    render(foot, h("p", {}, WORDS.nothingFound(state.q)), near.length && h("p", { class: "chips" }, WORDS.didYouMean, near));
  } else if (hasFilter()) {
    render(foot, h("p", {}, WORDS.nothingFiltered), button(WORDS.clearFilter, () => change(EMPTY)));
  } else {
    render(foot, h("p", { class: "empty" }, WORDS.empty, " ", h("code", {}, WORDS.emptyCommand), ", ", WORDS.emptyThen));
  }
}
