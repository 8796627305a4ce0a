/** Asking the server: answers as JSON, problems (RFC 9457) as errors. */

export class Problem extends Error {
  constructor(status, kind, detail, code) {
    super(detail);
    Object.assign(this, { status, kind, code });
  }
}

/** An answer that never came: the server is down, or the network is. */
export class Unreachable extends Error {}

const told = new EventTarget();
export const onUnauthorized = (listener) => told.addEventListener("unauthorized", listener);

export const addressAt = (path) => new URL(path, document.baseURI).href;
export const trackPath = (id, rest = "") => `v1/tracks/${encodeURIComponent(id)}${rest}`;

/** Write parameters: lists are repeated, null and empty ones left out. */
function query(parameters) {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") written.append(name, each);
    }
  }
  return written.size ? `?${written}` : "";
}

/** Send a request. Throws Problem, Unreachable, or AbortError. */
export async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(addressAt(path), { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(error.message);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const kind = (body.type ?? "").replace("urn:soundalike:problem:", "");
  if (answer.status === 401) told.dispatchEvent(new Event("unauthorized"));
  throw new Problem(answer.status, kind, body.detail ?? answer.statusText, body.code);
}

export const get = async (path, parameters = {}, signal) => (await send(path + query(parameters), { signal })).json();

export async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return (await send(path, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

/** Make a function of the latest call only: an earlier one that is still at work is abandoned. */
export function latest(work) {
  let running = null;
  return async (...given) => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    try {
      return await work(signal, ...given);
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) throw error;
      return undefined;
    }
  };
}
