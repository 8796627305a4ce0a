/** Following the server: whether it answers, what the pipeline does, which index is served. */

import { get, Problem } from "./api.js";
import { change, state } from "./store.js";

const SECONDS = 5;

async function look() {
  try {
    const [pipeline, newest, caller] = await Promise.all([get("v1/pipeline"), get("v1/index").catch(noIndex), state.caller ?? get("v1/session")]);
    const isNew = newest?.version !== state.newest?.version || ["state", "last_progress_at"].some((each) => pipeline[each] !== state.pipeline?.[each]);
    const stats = isNew || pipeline.state !== "idle" || !state.stats ? await get("v1/stats") : state.stats;
    const isFirstLook = state.pipeline === null;
    if (isFirstLook) state.index = newest; // the lists were asked for a moment ago, and show it
    change({ pipeline, stats, newest, down: false });
    if (caller !== state.caller) change({ caller });
    if (!state.index && newest) change({ index: newest }); // the collection's first one
  } catch (error) {
    change({ down: !(error instanceof Problem) });
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
