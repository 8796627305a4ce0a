/** Following the server: whether it answers, what the pipeline does, which index is served. */

import { get, Problem } from "./api.js";
import { change, state } from "./store.js";

const SECONDS = 5;

async function look() {
  try {
    const [pipeline, index] = await Promise.all([get("v1/pipeline"), get("v1/index").catch(noIndex)]);
    const isNew = index?.version !== state.newest?.version || pipeline.state !== state.pipeline?.state;
    const stats = isNew || pipeline.state !== "idle" || !state.stats ? await get("v1/stats") : state.stats;
    state.index ??= index; // the first one is what the lists show
    change({ pipeline, stats, newest: index, down: false });
  } catch (error) {
    if (!(error instanceof Problem)) change({ down: true });
  }
}

function noIndex(error) {
  if (error.kind === "no-index") return null;
  throw error;
}

let timer;

/** Look now, and then every few seconds while somebody sees the page or waits for the server. */
export async function follow() {
  clearTimeout(timer);
  if (document.visibilityState === "visible" || state.down) await look();
  clearTimeout(timer);
  timer = setTimeout(follow, SECONDS * 1000);
}

document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") follow(); });
