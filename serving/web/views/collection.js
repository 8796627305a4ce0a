/** The state of the collection: what is read, what waits, and what did not get through. */

import { get, post } from "../api.js";
import { button, h, heading, render } from "../dom.js";
import { state, watch } from "../store.js";
import { hours, tracks as countOf, WORDS } from "../words.js";
import { forgetKey } from "./key.js";
import { sentence, tell } from "./messages.js";

const PAGE = 50;
const DAGSTER_PORT_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);

export async function showCollection(view) {
  const box = h("div", {});
  render(view, heading(WORDS.state), h("div", { id: "progress", role: "status" }), box,
    h("ul", { class: "links" },
      h("li", {}, h("a", { href: "docs" }, WORDS.docs)),
      state.caller?.dagster && DAGSTER_PORT_NAMES.has(location.hostname) && h("li", {}, h("a", { href: state.caller.dagster }, WORDS.dagster))),
    state.caller && state.caller.name !== "owner" && h("p", {}, button(WORDS.signOut, forgetKey)));
  showProgress();
  await showFailures(box);
}

function showProgress() {
  const box = document.getElementById("progress");
  const { stats, pipeline } = state;
  if (!box || !stats || !pipeline) return;
  render(box,
    h("p", {}, WORDS.stats(countOf(stats.tracks), hours(stats.hours))),
    stats.pending_files > 0 && [h("progress", { max: stats.files, value: stats.files - stats.pending_files, "aria-label": WORDS.working }), h("p", {}, WORDS.progress(stats.files, stats.pending_files))],
    stats.pending_tracks > 0 && h("p", {}, WORDS.embedded(stats.pending_tracks)),
    h("p", {}, sentenceOf(pipeline)));
}

export function sentenceOf(pipeline) {
  return { idle: WORDS.upToDate, working: WORDS.working, stuck: WORDS.stuck }[pipeline.state] ?? WORDS.waiting(pipeline.pending_batches);
}

async function showFailures(box) {
  try {
    const page = await get("v1/failures", { limit: PAGE });
    const mayRetry = state.caller?.scope === "admin";
    render(box,
      h("h3", {}, page.total ? WORDS.failures(page.total) : WORDS.failuresNone),
      page.total > 0 && !mayRetry && h("p", {}, WORDS.adminOnly),
      page.total > 1 && mayRetry && h("p", {}, button(WORDS.tryAll, () => retry(box, {}), { "data-key": "all" })),
      h("ul", { class: "failures" }, page.items.map((failure) => h("li", {},
        h("span", { class: "title", dir: "auto" }, failure.path),
        h("span", { class: "about" }, `${failure.message} · ${failure.retry_at ? WORDS.retryAt(new Date(failure.retry_at).toLocaleString()) : WORDS.retryNever}`),
        mayRetry && button(WORDS.tryAgain, () => retry(box, { path_prefix: failure.path }), { "data-key": failure.path })))));
  } catch (error) {
    render(box, sentence(error, () => showFailures(box)));
  }
}

async function retry(box, chosen) {
  try {
    const { retried } = await post("v1/failures/retry", { everything: true, ...chosen });
    await showFailures(box);
    box.prepend(h("p", { role: "status", class: "told" }, WORDS.tried(retried)));
  } catch (error) {
    tell(error);
  }
}

watch(["stats", "pipeline"], showProgress);
