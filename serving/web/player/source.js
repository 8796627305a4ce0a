/** A track's audio as the browser loads it, and what becomes of audio that does not: an element does not tell why. */

import { addressAt, send, trackPath, Unreachable } from "../api.js";
import { asSentence, WORDS } from "../words.js";

const NETWORK_ERROR = 2; // of MediaError
const UNAUTHORIZED = 401;
const path = (track, form) => trackPath(track.id, `/audio?as=${form}`);

export const source = (track, form) => addressAt(path(track, form));

/** Return what the server says against sending it, as an error; null where it sends it. */
export async function refusal(track, form) {
  try {
    await send(path(track, form), { headers: { Range: "bytes=0-0" } });
    return null;
  } catch (error) {
    return error;
  }
}

/**
 * Return what to do about a failure: play the copy, where the original is sent and cannot be decoded, or is away; wait for
 * the server or the key; go on after a connection that was cut; or say what is wrong.
 */
export async function remedy(track, form, failure) {
  const why = await refusal(track, form);
  const isCut = why === null && failure?.code === NETWORK_ERROR;
  if (form === "original" && !isCut && (why === null || why.kind === "no-audio")) return { copy: true, isAway: why !== null };
  if (why instanceof Unreachable) return { until: "down" };
  if (why?.status === UNAUTHORIZED) return { until: "opened" };
  return { isCut, problem: why ? asSentence(why.message) : WORDS.noSound(failure?.message ?? "") };
}
