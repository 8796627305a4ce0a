/** Following the server: whether it answers, what the pipeline does, which index is served; by its events, else by asking. */

import { addressAt, get, Problem } from "./api.js";
import { change, state } from "./store.js";

const SECONDS = 5;
const SILENT_SECONDS = 15; // events come every five
const AGAIN_SECONDS = 60; // until a server that has no place for one more listener is asked again

let events = null;
let heardAt = -Infinity;
let refusedAt = -Infinity;
let timer;

/** Show what the server says of itself. */
async function seen(pipeline, newest) {
  const isNew = newest?.version !== state.newest?.version || ["state", "last_progress_at"].some((each) => pipeline[each] !== state.pipeline?.[each]);
  const stats = isNew || pipeline.state !== "idle" || !state.stats ? await get("v1/stats") : state.stats;
  const isFirstLook = state.pipeline === null;
  if (isFirstLook) state.index = newest; // the lists were asked for a moment ago, and show it
  change({ pipeline, stats, newest, down: false });
  if (!state.index && newest) change({ index: newest }); // the collection's first one
}

async function look() {
  const [pipeline, newest, caller] = await Promise.all([get("v1/pipeline"), get("v1/index").catch(noIndex), state.caller ?? get("v1/session")]);
  await seen(pipeline, newest);
  if (caller !== state.caller) change({ caller });
}

function noIndex(error) {
  if (error.kind === "no-index") return null;
  throw error;
}

/** Do what asks the server; without any answer it is down. */
async function asking(act) {
  try {
    await act();
    return true;
  } catch (error) {
    change({ down: !(error instanceof Problem) });
    return false;
  }
}

function listen() {
  if (events || performance.now() - refusedAt < AGAIN_SECONDS * 1000) return;
  events = new EventSource(addressAt("v1/events"));
  heardAt = performance.now();
  events.addEventListener("state", ({ data }) => {
    heardAt = performance.now();
    const { pipeline, index } = JSON.parse(data);
    asking(() => seen(pipeline, index));
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) refusedAt = performance.now(); // no place, or no key
    leave();
    follow();
  });
}

function leave() {
  events?.close();
  events = null;
}

const isTold = () => events !== null && performance.now() - heardAt < SILENT_SECONDS * 1000;

/** Follow the server while somebody sees the page or waits for the server. */
export async function follow() {
  clearTimeout(timer);
  if (document.visibilityState === "hidden") leave(); // a browser has few connections to a server
  if ((document.visibilityState === "visible" || state.down) && !isTold()) {
    leave();
    if (await asking(look) && document.visibilityState === "visible") listen();
  }
  clearTimeout(timer);
  timer = setTimeout(follow, SECONDS * 1000);
}

document.addEventListener("visibilitychange", () => { leave(); follow(); });
